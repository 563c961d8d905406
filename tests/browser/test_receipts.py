"""Receipts in a real browser: one page of paper, and a check by anybody, without any cookie."""

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page

from consent.domain.receipt import Receipt
from consent.domain.terms import StudyReference, SubjectId
from tests.browser.hospital import Hospital
from tests.browser.looks import IN_BOTH
from tests.browser.tongues import Tongue
from tests.services.house import STUDY

LONGEST: Final = StudyReference("long", "palabra " * 24 + "palabras", "instituto " * 19 + "instituto")
"""A study with 200 characters of title and as many of institution, which is as many as there can be."""


@pytest.fixture
def subject(hospital: Hospital) -> SubjectId:
    """Somebody who allowed a study, and stopped."""
    person = hospital.house.people[len(hospital.newcomers) + 11]
    hospital.newcomers.append(person)
    hospital.house.grant(person)
    hospital.house.publish()
    hospital.house.stop(person)
    return person


def receipts(hospital: Hospital, context: BrowserContext, subject: SubjectId) -> Page:
    page = context.pages[0] if context.pages else context.new_page()
    hospital.sign_in(context, subject)
    page.goto(f"{hospital.portal}/receipts")
    return page


def downloaded(page: Page, name: str) -> str:
    with page.expect_download() as downloading:
        page.get_by_role("link", name=name).click()
    return Path(downloading.value.path()).read_text()


def pages_of_paper(page: Page, media: str) -> int:
    """Print a page; return on how many sheets of this size."""
    return len(re.findall(rb"/Type\s*/Page[^s]", page.pdf(format=media, print_background=True)))


def test_a_receipt_is_kept_as_a_file(hospital: Hospital, context: BrowserContext, subject: SubjectId) -> None:
    page = receipts(hospital, context, subject)
    assert page.locator("a.line").count() == 2
    page.get_by_role("link", name=re.compile("Sharing was stopped")).click()
    assert json.loads(downloaded(page, "Get the file"))["action"] == "stop"


@IN_BOTH
@pytest.mark.parametrize("act", ["You allowed a study", "Sharing was stopped"])
def test_a_receipt_is_one_page_of_paper_with_a_square(
    hospital: Hospital, context: BrowserContext, said: Tongue, act: str
) -> None:
    """However long the study's name is, in the dark too, and with all that stands under the technical details."""
    subject = hospital.somebody()
    if LONGEST.id not in hospital.house.open.book.approved:
        hospital.house.open.registration.approve(replace(STUDY, reference=LONGEST), hospital.house.clock())
    hospital.house.grant(subject, study=LONGEST)
    hospital.house.stop(subject)
    page = receipts(hospital, context, subject)
    page.emulate_media(color_scheme="dark")
    page.get_by_role("link", name=said(act)).click()
    square = page.get_by_alt_text(said("A square to scan, which checks this receipt"))
    square.wait_for()
    assert [pages_of_paper(page, media) for media in ("A4", "Letter")] == [1, 1]
    page.get_by_text(said("Technical details")).click()
    assert pages_of_paper(page, "A4") == 1
    page.emulate_media(media="print")
    assert square.is_visible()
    assert page.get_by_role("button").count() == page.get_by_role("navigation").count() == 0
    assert page.evaluate(
        "[...document.querySelectorAll('body, h1, .quiet')].map((one) => getComputedStyle(one).color)"
    ) == ["rgb(0, 0, 0)", "rgb(0, 0, 0)", "rgb(51, 51, 51)"]


def test_the_proof_is_that_of_the_log(hospital: Hospital, context: BrowserContext, subject: SubjectId) -> None:
    with hospital.house.open.store.begin() as unit:
        hospital.house.open.log.checkpoint(unit)
    page = receipts(hospital, context, subject)
    page.locator("a.line").first.click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Get the proof").click()
    with zipfile.ZipFile(downloading.value.path()) as archive:
        receipt, line = (json.loads(archive.read(f"{name}.ndjson")) for name in ("receipts", "entries"))
    assert json.loads(line["entry"])["index"] == line["index"] == receipt["index"]


def checked(page: Page, hospital: Hospital, receipt: str) -> str:
    """Have a receipt checked; return the heading of the answer."""
    if urlsplit(page.url).path != "/check":
        page.goto(f"{hospital.portal}/check")
    page.get_by_label("Or its words").fill(receipt)
    page.get_by_role("button", name="Check it").click()
    return page.get_by_role("status").get_by_role("heading").inner_text()


ALTERED: Final[dict[str, Callable[[Any], Any]]] = {
    "origin": lambda text: text + "x",
    "action": lambda text: "grant" if text == "stop" else "stop",
    "attested": lambda text: text.replace("no copy", "a copy"),
    "subject": lambda text: text[1:] + ("0" if text[0] != "0" else "1"),
    "commitment": lambda text: text[1:] + ("0" if text[0] != "0" else "1") if text else "0" * 64,
    "patient": lambda text: text[1:] + ("0" if text[0] != "0" else "1") if text else "0" * 40,
    "by": lambda text: "operator" if text == "patient" else "patient",
    "time": lambda number: number + 1,
    "index": lambda number: number - 1,
    "leaf": lambda text: text[1:] + ("0" if text[0] != "0" else "1"),
    "signature": lambda text: text[1:] + ("0" if text[0] != "0" else "1"),
}


def refused_in_each_field(page: Page, hospital: Hospital, receipt: Receipt) -> None:
    """A receipt is accepted, and refused with any of its fields altered."""
    true = receipt.to_json()
    assert checked(page, hospital, json.dumps(true, indent=2)) == "This receipt is true"
    for name in true:
        changed = ALTERED[name](true[name])
        assert changed != true[name]
        assert checked(page, hospital, json.dumps(true | {name: changed})) == "This receipt does not hold", name


def test_a_true_receipt_holds_and_each_altered_one_does_not_without_any_cookie(
    hospital: Hospital, elsewhere: Page, subject: SubjectId
) -> None:
    kept = hospital.receipts(subject)
    assert {receipt.action for receipt in kept} == {"grant", "stop"}
    for receipt in kept:
        assert receipt.to_json().keys() == ALTERED.keys() - {"attested"}
        refused_in_each_field(elsewhere, hospital, receipt)
    assert elsewhere.context.cookies() == []


def test_both_receipts_of_an_erasure_hold_and_no_altered_one_does_without_any_cookie(
    hospital: Hospital, elsewhere: Page
) -> None:
    house = hospital.house
    person = house.people[len(hospital.newcomers) + 11]
    hospital.newcomers.append(person)
    begun = house.open.erasures.request(house.ask(person))
    refused_in_each_field(elsewhere, hospital, begun)
    house.anchor()
    house.open.keep_house()
    final = house.open.erasures.receipt(person)
    assert (begun.action, final.action) == ("erase", "erase")
    assert begun.index < final.index
    assert final.to_json().keys() == ALTERED.keys()
    refused_in_each_field(elsewhere, hospital, final)
    assert checked(elsewhere, hospital, json.dumps(begun.to_json())) == "This receipt is true", "what began stays so"
    mixed = begun.to_json() | {"attested": final.attested}
    assert checked(elsewhere, hospital, json.dumps(mixed)) == "This receipt does not hold", "the day was not known then"
    assert elsewhere.context.cookies() == []


def test_a_receipt_of_another_log_is_told_to_be_one(hospital: Hospital, elsewhere: Page, subject: SubjectId) -> None:
    [receipt, *_rest] = hospital.receipts(subject)
    other = Receipt.from_json(receipt.to_json() | {"origin": "consentry/elsewhere"})
    checked(elsewhere, hospital, json.dumps(other.to_json()))
    elsewhere.get_by_text("It is from another place.").wait_for()


def test_the_square_leads_to_the_check_and_nothing_of_it_reaches_a_log(
    hospital: Hospital, elsewhere: Page, subject: SubjectId
) -> None:
    receipt = hospital.receipts(subject)[0]
    elsewhere.goto(hospital.check_address(receipt))
    elsewhere.get_by_role("heading", name="This receipt is true").wait_for()
    assert "#" not in elsewhere.url
    assert receipt.signature not in hospital.output.read_text()


def test_a_file_can_be_checked(hospital: Hospital, elsewhere: Page, subject: SubjectId, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(hospital.receipts(subject)[0].to_json()))
    elsewhere.goto(f"{hospital.portal}/check")
    elsewhere.get_by_label("The file of the receipt").set_input_files(file)
    elsewhere.get_by_role("button", name="Check it").click()
    elsewhere.get_by_role("heading", name="This receipt is true").wait_for()


def test_nobody_sees_anothers_receipt(hospital: Hospital, context: BrowserContext, subject: SubjectId) -> None:
    index = hospital.receipts(subject)[0].index
    page = receipts(hospital, context, hospital.house.people[1])
    for path in (f"/receipts/{index}", f"/receipts/{index}.json", f"/receipts/{index}/evidence.zip"):
        answer = page.request.get(f"{hospital.portal}{path}")
        assert answer.status == 404
