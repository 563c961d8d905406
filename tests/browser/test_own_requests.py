"""A copy of everything, and being erased, each signed for in a real browser; the receipts of it."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page

from consent.domain.terms import SubjectId
from consent.services.portal.own_records import VIEW
from consent.wiring.backups import Backup, back_up_installation
from tests.browser.hospital import Hospital, made_a_key
from tests.browser.looking import with_a_key
from tests.browser.walking import Walk, came_in
from tests.services.house import House, identifier_of, receive
from vault import KeyTree, VaultError, open_keys


def enrolled(hospital: Hospital, page: Page, subject: SubjectId, code: str) -> Walk:
    """Set up somebody's key with the code that they have on paper."""
    made_a_key(page, hospital, code)
    came_in(page, hospital, asked=True)
    return Walk(page, hospital)


@pytest.fixture
def walk(hospital: Hospital, page: Page) -> Walk:
    """Somebody who has just set up their key."""
    with_a_key(page)
    return enrolled(hospital, page, *hospital.newcomer())


def test_a_copy_of_everything_is_signed_for_and_is_one_entry_of_the_log(hospital: Hospital, walk: Walk) -> None:
    page, subject = walk.page, hospital.newcomers[-1]
    page.get_by_role("link", name="Records", exact=True).click()
    walk.button("Get a copy of everything")
    page.wait_for_url(f"{hospital.signing}/request")
    before = len(hospital.house.log())
    walk.button("Get my copy")
    page.wait_for_url(f"{hospital.portal}/records/ready/*")
    assert len(hospital.house.log()) == before, "nothing is opened before it is taken"
    with page.expect_download() as downloading:
        walk.link("Get the file")
    bundle = json.loads(Path(downloading.value.path()).read_text())
    kinds = sorted(entry["resource"]["resourceType"] for entry in bundle["entry"])
    assert kinds == ["Observation", "Observation", "Patient"]
    [entry] = [e for e in hospital.house.log(before) if e["action"] == "access"]
    assert (entry["subject"], entry["verdict"], entry["actor"]) == (subject, "PERMIT", "patient")
    assert "patient" in entry["facts"], "the signature stands in the log"
    walk.link("Records")
    page.goto(f"{hospital.portal}/activity")
    assert page.get_by_role("link", name=re.compile("You looked at your records")).count() == 1


def test_a_look_at_records_is_one_entry_and_shows_that_kind_alone(hospital: Hospital, walk: Walk) -> None:
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


def open_steps(page: Page) -> list[str]:
    """Return the steps of an erasure that are open, each with what it waits for."""
    steps = page.locator("ol.next li:not(.done)").all()
    said = [(step.locator("b").inner_text(), step.locator("span").first.inner_text()) for step in steps]
    return [f"{name}: {re.sub(r' By .*', '', text.split('Not yet. ')[1])}" for name, text in said]


def test_an_erasure_goes_from_the_button_to_its_end(hospital: Hospital, walk: Walk, tmp_path: Path) -> None:
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
    assert page.get_by_text("Kidneys").first.is_visible(), "who was allowed to learn from the records"
    walk.button("Go on to erase")
    page.wait_for_url(f"{hospital.signing}/request")
    walk.button("Erase my records for good")
    page.wait_for_url(f"{hospital.portal}/erasure/**")
    page.get_by_role("heading", name="Your records are being erased").wait_for()
    place = page.url
    assert house.verdict(subject) == "BLOCKED"
    assert open_steps(page) == [
        "Your key was destroyed: It waits until your stops stand in the public record for good.",
        "Old copies died: Then all our keys change. That makes older copies of your key useless.",
        "Erased for good: Then our old backups must go.",
    ]
    assert len(re.findall(r"By \d+ \w+ 20\d\d", page.locator("ol.next").inner_text())) == 3
    assert page.get_by_text("it must make its next model without you by").is_visible()
    assert "Kidneys" not in page.content(), "whoever has the address learns of no study"
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
    assert "attested" in json.loads(receipt)
    page.goto(f"{hospital.portal}/check")
    page.get_by_label("Or its words").fill(receipt)
    page.get_by_role("button", name="Check it").click()
    page.get_by_role("heading", name="This receipt is true").wait_for()
    with pytest.raises(VaultError):
        opened_again(house, backup).unwrap([subject])
    page.goto(hospital.portal)
    page.get_by_role("button", name="Sign in").wait_for()


def erased(walk: Walk) -> None:
    """Ask to be erased, and see it through."""
    page, house = walk.page, walk.hospital.house
    page.goto(f"{walk.hospital.portal}/erase")
    walk.button("Go on to erase")
    page.wait_for_url(f"{walk.hospital.signing}/request")
    walk.button("Erase my records for good")
    page.wait_for_url(f"{walk.hospital.portal}/erasure/**")
    for _ in range(3):
        house.anchor()
        house.publish()
        house.open.keep_house()
        house.open.epochs.turn()
    page.get_by_role("heading", name="Your records are erased").wait_for()


def test_whoever_was_erased_is_invited_again_and_allows_anew_and_what_was_stays_shut(
    hospital: Hospital, page: Page, tmp_path: Path
) -> None:
    with_a_key(page)
    house, number = hospital.house, 1000 + len(hospital.newcomers)
    walk = enrolled(hospital, page, *hospital.newcomer())
    before = hospital.newcomers[-1]
    walk.chosen()
    walk.to_sign()
    consent = walk.signed()
    house.publish()
    backup = back_up_installation(house.open, tmp_path / "backup", datetime.now(UTC))
    erased(walk)
    assert receive(house.open, number) == [], "the identifier is refused until an operator lets it in"
    house.open.records.enrol_again([identifier_of(number)], house.clock())
    [after] = receive(house.open, number)
    assert after != before
    again = enrolled(hospital, page, after, hospital.invite(after))
    again.chosen()
    again.to_sign()
    new = again.signed()
    assert new != consent
    house.publish()
    assert (house.verdict(after), house.verdict(before)) == ("PERMIT", "BLOCKED")
    with pytest.raises(VaultError):
        opened_again(house, backup).unwrap([before])
    page.goto(f"{hospital.portal}/receipts")
    assert page.locator("a.line").count() == 1, "nothing of before is theirs"
    [receipt] = hospital.receipts(after)
    assert (receipt.action, receipt.subject) == ("grant", after)
    page.goto(f"{hospital.portal}/check")
    page.get_by_label("Or its words").fill(json.dumps(receipt.to_json()))
    page.get_by_role("button", name="Check it").click()
    page.get_by_role("heading", name="This receipt is true").wait_for()
    assert page.goto(f"{hospital.portal}/consents/{consent}").status == 404  # type: ignore[union-attr]  # a page answers


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
    walk.button("Get my copy")
    page.wait_for_url(f"{hospital.portal}/records/ready/*")
    link = page.get_by_role("link", name="Get the file").get_attribute("href")
    hospital.sign_in(elsewhere.context, hospital.house.people[1])
    answer = elsewhere.goto(f"{hospital.portal}{link}")
    assert answer is not None
    assert answer.status == 410


@pytest.mark.parametrize(("path", "begin"), [("/records", "Get a copy of everything"), ("/erase", "Go on to erase")])
def test_whoever_goes_back_from_a_request_is_where_they_began(
    hospital: Hospital, walk: Walk, path: str, begin: str
) -> None:
    walk.page.goto(f"{hospital.portal}{path}")
    walk.button(begin)
    walk.page.wait_for_url(f"{hospital.signing}/request")
    walk.page.get_by_role("link", name="Go back").click()
    walk.page.wait_for_url(f"{hospital.portal}{path}")
