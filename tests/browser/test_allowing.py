"""Allowing in a real browser: what was read is what is signed, to the byte; ledger and log hold none of it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from eth.vm.forks import PragueVM
from playwright.sync_api import Page

from consent.adapters.embedded_chain import EmbeddedChain
from consent.domain.details import Details
from consent.domain.terms import StudyReference, SubjectId
from consent.domain.typed_data import hash_text
from tests.browser.hospital import Hospital, made_a_key
from tests.browser.looking import with_a_key
from tests.browser.signed import SENTENCES, read, stored
from tests.browser.walking import Walk, came_in
from tests.services.house import STUDY

SECOND: Final = replace(STUDY, reference=StudyReference("second", "Restful nights without “machines”", "Ümlaut Clinic"))
"""A study whose title is of characters that are easily changed on the way."""


@pytest.fixture(scope="module", autouse=True)
def _second_study(hospital: Hospital) -> None:
    hospital.house.open.registration.approve(SECOND, datetime.now(UTC))


@pytest.fixture
def newcomer(hospital: Hospital, page: Page) -> SubjectId:
    """Somebody who is at Home with their key, and may be asked."""
    with_a_key(page)
    subject, code = hospital.newcomer()
    made_a_key(page, hospital, code)
    came_in(page, hospital, asked=True)
    return subject


def test_the_sentences_that_were_checked_are_signed_to_the_byte(
    hospital: Hospital, page: Page, newcomer: SubjectId
) -> None:
    walk = Walk(page, hospital)
    walk.chosen(SECOND.reference.title)
    checked = read(page)
    walk.to_sign()
    assert read(page) == checked
    signed = stored(hospital, walk.signed())
    who, what, why, until = checked
    details = Details(who, what, why, until, signed.terms.hash(), signed.salt)
    assert [getattr(signed.grant.details, name) for name in SENTENCES] == checked
    grant = replace(signed.grant, details=details)
    assert (
        hospital.house.open.book.recover(grant.digest(hospital.house.open.domain), signed.signature) == signed.patient
    )
    hospital.house.publish()
    ledger = hospital.house.open.ledger
    commitments = {event.commitment: event.patient for event in ledger.events(0, ledger.head().number)}
    assert commitments[details.commitment] == signed.patient
    assert read(page) == checked, "and the consent's own page tells the same"


def test_ledger_log_and_output_hold_no_word_of_it(hospital: Hospital, page: Page, newcomer: SubjectId) -> None:
    walk = Walk(page, hospital)
    walk.chosen(SECOND.reference.title)
    walk.to_sign()
    signed = stored(hospital, walk.signed())
    hospital.house.publish()
    details, log = signed.grant.details, b"\n".join(json.dumps(entry).encode() for entry in hospital.house.log())
    ledger, output = b"\n".join(chain(hospital)), hospital.output.read_bytes()
    assert details.commitment in ledger, "what is published would be found"
    sentences = [getattr(details, name) for name in SENTENCES]
    words = [word for word in SECOND.reference.title.split() if word.isalpha() and len(word) > 4]
    said = [form.encode() for text in (*sentences, *words, "Ümlaut") for form in (text, json.dumps(text).strip('"'))]
    guessed = [details.salt, details.terms, *map(hash_text, sentences)]
    for place in (ledger, log, output):
        assert [one for one in said if one.lower() in place.lower()] == []
        assert [one for one in guessed if one in place or one.hex().encode() in place] == [], "nobody can try sentences"
    for joining in (details.commitment, signed.patient):
        assert joining.hex().encode() not in log + output, "nor learn whose address it is"
    files = [file for file in hospital.house.open.places.home.rglob("*") if file.is_file()]
    assert [file for file in files for text in sentences if text.encode() in file.read_bytes()] == []


def chain(hospital: Hospital) -> Iterator[bytes]:
    """Yield every transaction as it was sent, and all that contracts announced."""
    ledger = hospital.house.open.ledger
    assert isinstance(ledger, EmbeddedChain)
    blocks = ledger._evm._chain
    for number in range(ledger.head().number + 1):
        block = blocks.get_canonical_block_by_number(number)
        yield from (transaction.encode() for transaction in block.transactions)
        for receipt in blocks.chaindb.get_receipts(block.header, PragueVM.get_receipt_builder()):
            yield from (b"".join(topic.to_bytes(32) for topic in log.topics) + log.data for log in receipt.logs)


def test_two_consents_of_one_person_show_two_addresses(hospital: Hospital, page: Page, newcomer: SubjectId) -> None:
    walk, addresses = Walk(page, hospital), set()
    for study, first in ((STUDY, True), (SECOND, False)):
        page.goto(hospital.portal)
        walk.chosen(study.reference.title, first=first)
        walk.to_sign()
        addresses.add(stored(hospital, walk.signed()).patient)
    hospital.house.publish()
    ledger = hospital.house.open.ledger
    shown = Counter(event.patient for event in ledger.events(0, ledger.head().number))
    assert [shown[address] for address in addresses] == [1, 1]
    assert hospital.house.open.book.enrolments[newcomer] not in shown
    assert shown.most_common(1)[0][1] == 1, "no address comes twice"


# ------------------------------------------------------------------------------------------------------ what goes wrong


def grants(hospital: Hospital, subject: SubjectId) -> int:
    return sum(entry["action"] == "grant" and entry["subject"] == subject for entry in hospital.house.log())


def test_words_that_something_changed_are_not_signed(hospital: Hospital, page: Page, newcomer: SubjectId) -> None:
    walk = Walk(page, hospital)
    walk.chosen()
    walk.to_sign()
    page.locator("#what").evaluate("(shown) => { shown.textContent = shown.textContent.replace('age', 'Alter') }")
    walk.button("Allow")
    page.get_by_role("alert").get_by_text("Something changed the words on this page").wait_for()
    assert grants(hospital, newcomer) == 0


def test_a_choice_that_changes_behind_the_page_changes_nothing_on_it(
    hospital: Hospital, page: Page, newcomer: SubjectId
) -> None:
    walk = Walk(page, hospital)
    walk.chosen()
    walk.to_sign()
    shown, other = read(page), page.context.new_page()
    other.goto(f"{hospital.portal}/requests/{STUDY.reference.id}/choose?change=1")
    other.get_by_label("Lab results").check()
    other.get_by_role("button", name="Go on").click()
    other.get_by_role("heading", name="Check your answers").wait_for()
    assert read(other) != shown
    details = stored(hospital, walk.signed()).grant.details
    assert [getattr(details, name) for name in SENTENCES] == shown


def test_a_page_left_open_signs_nothing_in_the_place_of_another(
    hospital: Hospital, page: Page, newcomer: SubjectId
) -> None:
    """Where people sign, a browser is there for one act: the one that it came for last."""
    walk, other = Walk(page, hospital), Walk(page.context.new_page(), hospital)
    walk.chosen()
    walk.to_sign()
    other.page.goto(hospital.portal)
    other.chosen(SECOND.reference.title)
    other.to_sign()
    walk.button("Allow")
    page.get_by_role("alert").get_by_text("This page is too old").wait_for()
    assert grants(hospital, newcomer) == 0


def test_what_was_signed_cannot_be_signed_again(hospital: Hospital, page: Page, newcomer: SubjectId) -> None:
    walk = Walk(page, hospital)
    walk.chosen()
    other = page.context.new_page()
    other.goto(f"{hospital.portal}/requests/{STUDY.reference.id}/check")
    walk.to_sign()
    walk.signed()
    page.go_back()
    page.get_by_role("heading", name="This link was used").wait_for()
    other.get_by_role("button", name="Allow").click()
    other.get_by_role("heading", name="This page is not here").wait_for()
    assert grants(hospital, newcomer) == 1


def test_saying_no_at_the_last_step_allows_nothing(hospital: Hospital, page: Page, newcomer: SubjectId) -> None:
    walk = Walk(page, hospital)
    walk.chosen()
    walk.to_sign()
    walk.button("Say no")
    page.wait_for_url(f"{hospital.portal}/requests")
    assert grants(hospital, newcomer) == 0
    assert page.get_by_role("article", name=STUDY.reference.title).count() == 0
