"""Stopping in a real browser: three presses at most, at once, with the chain standing still; the receipt proves it."""

import json
import time
from pathlib import Path

from playwright.sync_api import Page

from consent.domain.merkle import leaf_hash
from consent.domain.receipt import Receipt
from consent.domain.terms import SubjectId
from consent.signatures import verifies
from tests.browser.hospital import Hospital, made_a_key
from tests.browser.looking import with_a_key
from tests.browser.walking import Walk, came_in
from tests.services.house import DICTIONARY, STUDY, House
from vault import Access

MOST_PRESSES = 3
AT_ONCE = 2.0
"""In seconds."""


def reads(house: House, subject: SubjectId) -> int:
    """Return how many records the study gets of somebody when it reads now, in a process that is not the portal's."""
    access = Access("study:kidneys", STUDY.reference.id, "train", DICTIONARY.required, DICTIONARY.optional)
    with house.open.store.reading() as unit:
        return len(list(house.open.vault.read(unit.connection, house.gate(), access, [subject])))


def until_nothing_is_read(house: House, subject: SubjectId, start: float) -> float:
    """Read again and again until the study gets nothing; return after how many seconds from `start`."""
    while reads(house, subject):
        assert time.monotonic() - start < 10 * AT_ONCE
    return time.monotonic() - start


def allowed(hospital: Hospital, many: int = 1) -> SubjectId:
    """Return somebody who allowed the study, once or more often, as the ledger knows."""
    house = hospital.house
    subject = next(one for one in house.people if not house.open.book.entries(one))
    for _ in range(many):
        house.grant(subject)
    house.publish()
    house.follow()
    return subject


def home(hospital: Hospital, page: Page, subject: SubjectId) -> Walk:
    """Return a walk that begins at somebody's Home."""
    hospital.sign_in(page.context, subject)
    page.goto(hospital.portal)
    return Walk(page, hospital)


def test_stopping_takes_three_presses_at_most_and_no_more_pages_than_allowing(hospital: Hospital, page: Page) -> None:
    with_a_key(page)
    subject, code = hospital.newcomer()
    made_a_key(page, hospital, code)
    came_in(page, hospital, asked=True)
    granting = Walk(page, hospital)
    granting.chosen()
    granting.to_sign()
    granting.signed()
    pages = granting.pages
    hospital.house.publish()
    hospital.house.follow()
    assert reads(hospital.house, subject)
    page.goto(hospital.portal)
    assert page.get_by_role("heading", name="1 study can use your records now").is_visible()
    stopping = Walk(page, hospital)
    stopping.link("Stop sharing")
    page.get_by_role("heading", name="Stop sharing with this study?").wait_for()
    start = time.monotonic()
    stopping.button("Stop sharing")
    assert until_nothing_is_read(hospital.house, subject, start) < AT_ONCE
    assert hospital.house.verdict(subject) == "STOPPED"
    page.wait_for_url("**/stopped")
    assert page.get_by_role("heading", name="Sharing has stopped").is_visible()
    assert 0 < stopping.presses <= MOST_PRESSES
    assert 0 < stopping.pages <= pages, f"{stopping.pages} pages to stop, {pages} to allow"
    page.goto(hospital.portal)
    assert page.get_by_role("heading", name="No one can use your records").is_visible()


def test_everything_stops_at_once_with_the_chain_standing_still(hospital: Hospital, page: Page) -> None:
    house, subject = hospital.house, allowed(hospital, many=2)
    block = house.open.ledger.head().number
    walk = home(hospital, page, subject)
    assert reads(house, subject)
    walk.link("Stop everything")
    page.get_by_role("heading", name="Stop sharing with all 2 studies?").wait_for()
    start = time.monotonic()
    walk.button("Stop sharing")
    assert until_nothing_is_read(house, subject, start) < AT_ONCE
    assert house.verdict(subject) == "STOPPED"
    page.get_by_role("heading", name="Sharing has stopped").wait_for()
    assert walk.presses <= MOST_PRESSES
    assert house.open.ledger.head().number == block, "the chain learns of it later"
    assert house.publish() == 2


def downloaded(walk: Walk, folder: Path) -> Receipt:
    """Get the receipt as a file, and read it."""
    with walk.page.expect_download() as download:
        walk.link("Get the receipt")
    download.value.save_as(folder / "receipt.json")
    return Receipt.from_json(json.loads((folder / "receipt.json").read_bytes()))


def test_the_receipt_verifies_and_its_entry_is_in_the_log(hospital: Hospital, page: Page, tmp_path: Path) -> None:
    house, subject = hospital.house, allowed(hospital)
    walk = home(hospital, page, subject)
    walk.link("Stop sharing")
    walk.button("Stop sharing")
    page.get_by_role("heading", name="Sharing has stopped").wait_for()
    receipts = [downloaded(walk, tmp_path) for _ in range(4)]  # from whichever of the server's processes answers
    receipt = receipts[0]
    assert set(receipts) == {receipt}
    assert verifies(house.open.log.signer.public_key, receipt.signed_bytes(), bytes.fromhex(receipt.signature))
    with house.open.store.reading() as unit:
        [entry] = unit.log.entries(receipt.index, receipt.index + 1)
    told = json.loads(entry.body)
    assert (told["action"], told["subject"], told["time"]) == ("stop", subject, receipt.time)
    assert leaf_hash(entry.body).hex() == receipt.leaf


def test_what_waits_for_the_ledger_can_be_stopped_too(hospital: Hospital, page: Page) -> None:
    house = hospital.house
    subject = next(one for one in house.people if not house.open.book.entries(one))
    house.grant(subject)
    walk = home(hospital, page, subject)
    assert page.get_by_role("heading", name="No one can use your records").is_visible()
    walk.link("Stop everything")
    walk.button("Stop sharing")
    page.get_by_role("heading", name="Sharing has stopped").wait_for()
    house.publish()
    assert not reads(house, subject)


def test_stopping_twice_is_stopping_once(hospital: Hospital, page: Page) -> None:
    house, subject = hospital.house, allowed(hospital)
    walk, before = home(hospital, page, subject), len(hospital.house.log())
    walk.link("Stop sharing")
    page.get_by_role("button", name="Stop sharing").dblclick()
    page.get_by_role("heading", name="Sharing has stopped").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Sharing has stopped").or_(
        page.get_by_role("heading", name="No one can use your records")
    ).wait_for()
    assert sum(entry["action"] == "stop" for entry in house.log(before)) == 1
