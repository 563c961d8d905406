"""Allowing in Spanish, in a real browser: the Spanish sentences that were read are the ones that are signed."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page

from consent.domain.details import Details, render
from consent.domain.signed_consent import SignedConsent
from consent.domain.terms import SubjectId
from consent.domain.wording import ENGLISH, SPANISH, Wording
from tests.browser import looks
from tests.browser.hospital import Hospital, made_a_key
from tests.browser.looking import with_a_key
from tests.browser.looks import SLEEP
from tests.browser.signed import SENTENCES, read, stored
from tests.browser.tongues import Tongue
from tests.browser.walking import Walk, came_in
from tests.services.house import STUDY

pytestmark = pytest.mark.parametrize("said", [looks.SPANISH], ids=["es"], indirect=True)


@pytest.fixture(scope="module", autouse=True)
def _study_in_spanish(hospital: Hospital) -> None:
    hospital.house.open.registration.approve(SLEEP, hospital.house.clock())


@pytest.fixture
def newcomer(hospital: Hospital, page: Page, said: Tongue) -> SubjectId:
    """Somebody who is at Home with their key, and may be asked."""
    with_a_key(page)
    subject, code = hospital.newcomer()
    made_a_key(page, hospital, code, said=said)
    came_in(page, hospital, asked=True, said=said)
    return subject


@pytest.fixture
def walk(page: Page, hospital: Hospital, newcomer: SubjectId, said: Tongue) -> Walk:
    """Their way to a yes; `newcomer` is who goes it."""
    assert newcomer
    return Walk(page, hospital, said=said)


def spoken(page: Page) -> set[str | None]:
    """Return the languages that the sentences on a page say they are in."""
    return {one.get_attribute("lang") for one in page.locator("dl.sentences [translate=no]").all()}


def words_of(signed: SignedConsent) -> list[str]:
    return [getattr(signed.grant.details, name) for name in SENTENCES]


def require_worded(signed: SignedConsent, wording: Wording) -> None:
    """The terms name this wording, and render to what was signed in it and in no other."""
    assert (signed.terms.language, signed.terms.wording) == (wording.language, wording.hash)
    assert words_of(signed) == [getattr(render(signed.terms, signed.salt), name) for name in SENTENCES]


def test_the_spanish_sentences_that_were_checked_are_signed_and_count(
    hospital: Hospital, newcomer: SubjectId, walk: Walk
) -> None:
    walk.chosen(walk.said.title(SLEEP))
    checked = read(walk.page)
    assert checked[0] == "Example Institute for Public Health, para el estudio «Dormir en planta»."
    assert checked[1].startswith("Pueden usar estos datos míos: edad y sexo y supervivencia. Los usan para ")
    walk.to_sign()
    assert read(walk.page) == checked
    assert spoken(walk.page) == {"es"}
    signed = stored(hospital, walk.signed())
    assert read(walk.page) == checked, "and the consent's own page tells the same"
    assert words_of(signed) == checked
    require_worded(signed, SPANISH)
    assert signed.terms.text_hash == SLEEP.translations[0].text_hash
    who, what, why, until = checked
    grant = replace(signed.grant, details=Details(who, what, why, until, signed.terms.hash(), signed.salt))
    here = hospital.house.open
    assert here.book.recover(grant.digest(here.domain), signed.signature) == signed.patient
    hospital.house.publish()
    assert hospital.house.verdict(newcomer, SLEEP) == "PERMIT"


def test_who_turns_to_english_on_the_last_page_signs_what_they_checked(hospital: Hospital, walk: Walk) -> None:
    walk.chosen(walk.said.title(SLEEP))
    checked = read(walk.page)
    walk.to_sign()
    walk.page.get_by_role("link", name="English").click()
    walk.page.get_by_role("heading", name="Do you allow this?").wait_for()
    walk.page.locator("#act").wait_for()
    assert (read(walk.page), spoken(walk.page)) == (checked, {"es"})
    walk.said = Tongue("en")
    signed = stored(hospital, walk.signed())
    assert words_of(signed) == checked
    require_worded(signed, SPANISH)


def test_a_study_that_has_no_spanish_is_signed_in_english_and_says_so(
    hospital: Hospital, newcomer: SubjectId, walk: Walk
) -> None:
    walk.chosen()
    assert spoken(walk.page) == {"en"}
    walk.to_sign()
    assert spoken(walk.page) == {"en"}
    signed = stored(hospital, walk.signed())
    require_worded(signed, ENGLISH)
    assert signed.terms.text_hash == STUDY.text_hash
    hospital.house.publish()
    assert hospital.house.verdict(newcomer) == "PERMIT"
