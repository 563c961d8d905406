"""A copy of everything, and being erased, each signed for in a real browser; the receipts of it."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from consent import wiring
from consent.services.portal.own_records import VIEW
from consent.settings import WebSettings
from consent.wiring.backups import Backup, back_up_installation
from tests.browser.hospital import Hospital, made_a_key
from tests.browser.looking import with_a_key
from tests.browser.test_receipts import checked
from tests.browser.walking import Walk, came_in
from tests.services.house import House, identifier_of, receive
from vault import KeyTree, VaultError, open_keys


@pytest.fixture
def walk(hospital: Hospital, page: Page) -> Walk:
    """Somebody who has just set up their key."""
    with_a_key(page)
    subject, code = hospital.newcomer()
    hospital.ask(subject)
    made_a_key(page, hospital, code)
    came_in(page, hospital)
    return Walk(page, hospital)


def test_a_copy_of_everything_is_signed_for_and_is_one_entry_of_the_log(hospital: Hospital, walk: Walk) -> None:
    page, subject = walk.page, hospital.newcomers[-1]
    page.get_by_role("link", name="Records", exact=True).click()
    walk.button("Get a copy of everything")
    page.wait_for_url(f"{hospital.signing}/request")
    before = len(hospital.house.log())
    with page.expect_download() as downloading:
        walk.button("Get my copy")
    bundle = json.loads(Path(downloading.value.path()).read_text())
    kinds = sorted(entry["resource"]["resourceType"] for entry in bundle["entry"])
    assert kinds == ["Observation", "Observation", "Patient"]
    [entry] = [e for e in hospital.house.log(before) if e["action"] == "access"]
    assert (entry["subject"], entry["verdict"], entry["actor"]) == (subject, "PERMIT", "patient")
    assert "patient" in entry["facts"], "the signature stands in the log"
    page.goto(f"{hospital.portal}/activity")
    assert page.get_by_role("link", name=re.compile("You looked at your records")).count() == 1


def test_a_look_at_a_kind_and_one_at_a_record_are_one_entry_each(hospital: Hospital, walk: Walk) -> None:
    page, subject = walk.page, hospital.newcomers[-1]
    page.get_by_role("link", name="Records", exact=True).click()
    assert page.get_by_text("No study can see these now.").count() == 3
    before = len(hospital.house.log())
    page.get_by_role("link", name=re.compile("Lab results")).click()
    page.get_by_role("link", name=re.compile("mg.dL")).click()
    page.get_by_text("15 June 2020").wait_for()
    told = [(e["action"], e["operation"], e["categories"], e["subject"]) for e in hospital.house.log(before)]
    assert told == [("access", VIEW, ["laboratory"], subject)] * 2


def opened_again(house: House, backup: Backup) -> KeyTree:
    """Open the keys of a backup with all that exists now."""
    keys = house.open.keys
    return KeyTree.open(open_keys(backup.keys), keys._replicas.root, house.settings.replicas, keys.tenant)


def test_an_erasure_goes_from_the_button_to_its_end(
    hospital: Hospital, walk: Walk, elsewhere: Page, tmp_path: Path
) -> None:
    page, house, subject = walk.page, hospital.house, hospital.newcomers[-1]
    walk.chosen()
    walk.to_sign()
    walk.signed()
    house.publish()
    assert house.verdict(subject) == "PERMIT"
    backup = back_up_installation(house.open, tmp_path / "backup", datetime.now(UTC))
    assert opened_again(house, backup).unwrap([subject]), "which opened before"
    page.goto(f"{hospital.portal}/you")
    walk.link("Erase my records")
    assert page.get_by_text("Kidneys").first.is_visible(), "who learned from the records"
    walk.button("Go on to erase")
    page.wait_for_url(f"{hospital.signing}/request")
    walk.button("Erase my records for good")
    page.wait_for_url(f"{hospital.portal}/erasure/**")
    page.get_by_role("heading", name="Your records are being erased").wait_for()
    place = page.url
    assert house.verdict(subject) == "BLOCKED"
    page.goto(hospital.portal)
    page.goto(place)
    for _ in range(6):
        house.anchor()
        house.publish()
        house.open.keep_house()
        house.open.epochs.turn()
    page.get_by_role("heading", name="Your records are erased").wait_for()
    assert page.get_by_text("Not yet.").count() == 0
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Get the receipt").click()
    receipt = Path(downloading.value.path()).read_text()
    assert json.loads(receipt)["attested"]
    assert checked(elsewhere, hospital, receipt) == "This receipt is true"
    with pytest.raises(VaultError):
        opened_again(house, backup).unwrap([subject])
    page.goto(hospital.portal)
    page.get_by_role("button", name="Sign in").wait_for()


def test_whoever_was_erased_enrols_again_as_somebody_new(hospital: Hospital, walk: Walk) -> None:
    page, house, before = walk.page, hospital.house, hospital.newcomers[-1]
    number = 999 + len(hospital.newcomers)
    walk.chosen()
    walk.to_sign()
    walk.signed()
    page.goto(f"{hospital.portal}/erase")
    walk.button("Go on to erase")
    page.wait_for_url(f"{hospital.signing}/request")
    walk.button("Erase my records for good")
    page.wait_for_url(f"{hospital.portal}/erasure/**")
    for _ in range(6):
        house.publish()
        house.anchor()
        house.open.keep_house()
    house.open.records.enrol_again([identifier_of(number)], house.clock())
    [after] = receive(house.open, number)
    assert after != before
    hospital.ask(after)
    code = wiring.enrolling(house.open, WebSettings.read(hospital.port, {})).invite(after, house.clock())
    made_a_key(page, hospital, code)
    came_in(page, hospital)
    assert page.get_by_role("heading", name="No one can use your records").is_visible()
    page.goto(f"{hospital.portal}/receipts")
    assert page.locator("a.line").count() == 0, "what was before leads to nobody"
    page.goto(hospital.portal)
    walk.chosen()
    walk.to_sign()
    walk.signed()
    house.publish()
    assert (house.verdict(after), house.verdict(before)) == ("PERMIT", "BLOCKED")


def test_an_erasure_is_told_only_under_its_own_address(hospital: Hospital, elsewhere: Page) -> None:
    subject = hospital.house.people[9]
    hospital.house.open.erasures.request(hospital.house.ask(subject))
    for code in (f"{subject}-{'0' * 64}", subject, "x"):
        answer = elsewhere.goto(f"{hospital.portal}/erasure/{code}")
        assert answer is not None
        assert answer.status == 404


def test_a_copy_that_was_asked_for_elsewhere_is_not_handed_out(hospital: Hospital, walk: Walk, elsewhere: Page) -> None:
    page = walk.page
    page.get_by_role("link", name="Records", exact=True).click()
    walk.button("Get a copy of everything")
    page.wait_for_url(f"{hospital.signing}/request")
    ticket: list[str] = []

    def caught(route: Route) -> None:
        ticket.append(route.request.url)
        route.abort()

    page.route("**/records/download/*", caught)
    walk.button("Get my copy")
    page.wait_for_timeout(1000)
    hospital.sign_in(elsewhere.context, hospital.house.people[1])
    answer = elsewhere.goto(ticket[0])
    assert answer is not None
    assert answer.status == 410
