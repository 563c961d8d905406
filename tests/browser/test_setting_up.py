"""A newcomer makes a key in a real browser: with a touch, with a touch and a passphrase, or with a passphrase alone."""

import pytest
from playwright.sync_api import Page

from consent import wiring
from consent.domain.terms import SubjectId
from consent.services.portal.enrolling import Slot
from consent.settings import WebSettings
from tests.browser.conftest import Seen
from tests.browser.hospital import Hospital, made_a_key
from tests.browser.leaks import caught, secret_of, seed_in, sent, traces, typed_traces
from tests.browser.looking import with_a_key
from tests.browser.walking import Walk, came_in

PASSPHRASE = "nine green hills and a boat"
WAYS = {"touch": "", "touch without PRF": PASSPHRASE, "no WebAuthn": PASSPHRASE}
"""What a browser can do, and the passphrase that somebody chooses then."""


def given(page: Page, way: str) -> None:
    """Give a browser what a way needs."""
    if way == "no WebAuthn":
        page.add_init_script("delete window.PublicKeyCredential; delete Navigator.prototype.credentials")
    else:
        with_a_key(page, prf=way == "touch")


def slots_of(hospital: Hospital, subject: SubjectId) -> dict[str, Slot]:
    enrolling = wiring.enrolling(hospital.house.open, WebSettings.read(hospital.port, {}))
    assert enrolling.is_enrolled(subject) == bool(enrolling.slots(subject))
    return {slot.kind: slot for slot in enrolling.slots(subject)}


@pytest.mark.parametrize("way", WAYS)
def test_a_newcomer_makes_a_key_and_comes_back_with_it(hospital: Hospital, page: Page, way: str) -> None:
    given(page, way)
    subject, code = hospital.newcomer()
    made_a_key(page, hospital, code, WAYS[way])
    came_in(page, hospital)
    keyed = "passphrase" if WAYS[way] else "passkey"
    assert set(slots_of(hospital, subject)) == {keyed, "recovery"}
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").click()
    if way == "no WebAuthn":
        assert page.get_by_role("button", name="Use your key").is_hidden()
        page.get_by_label("Your passphrase", exact=True).fill(PASSPHRASE)
        page.get_by_role("button", name="Use your passphrase").click()
    else:
        page.get_by_role("button", name="Use your key").click()
    page.wait_for_url(f"{hospital.portal}/")
    assert page.get_by_role("heading", name="No one can use your records").is_visible()


@pytest.mark.parametrize("way", WAYS)
def test_no_secret_leaves_the_browser(hospital: Hospital, page: Page, seen: Seen, way: str) -> None:
    """From set-up to a signed consent: not the seed, not the code, not the passphrase, not what PRF gave."""
    outputs = [] if way == "no WebAuthn" else caught(page.context)
    given(page, way)
    subject, code = hospital.newcomer()
    recovery = made_a_key(page, hospital, code, WAYS[way])
    came_in(page, hospital, asked=True)
    walk = Walk(page, hospital)
    walk.chosen()
    walk.to_sign()
    walk.signed(**({"passphrase": PASSPHRASE} if WAYS[way] else {}))
    assert bool(outputs) == (way == "touch")
    slots, everything = slots_of(hospital, subject), sent(seen)
    enrolment = hospital.house.open.book.enrolments[subject]
    secrets = [*outputs, seed_in(slots["recovery"], recovery, enrolment), secret_of(recovery), PASSPHRASE.encode()]
    assert [found for secret in secrets for found in traces(secret, everything)] == []
    assert typed_traces(recovery, everything) == []
    assert traces(bytes.fromhex(slots["recovery"].id), everything), "what is sent would be found"
    assert all(cookie["httpOnly"] for cookie in page.context.cookies()), "no script wrote a cookie"
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage])").encode()
    assert [found for secret in secrets for found in traces(secret, kept)] == []


def test_nothing_is_stored_until_the_code_was_typed_back(hospital: Hospital, page: Page) -> None:
    with_a_key(page)
    subject, code = hospital.newcomer()
    before = hospital.house.log()
    page.goto(f"{hospital.portal}/start#{code}")
    assert page.url == f"{hospital.portal}/start", "the code is in no address, and so in no history"
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Make my key").click()
    page.wait_for_url(f"{hospital.signing}/**")
    page.get_by_role("button", name="Make my key").click()
    page.get_by_role("button", name="I have it on paper").click()
    for question in (0, 1):
        page.locator(f"#group-{question}").fill("0000")
    page.locator("#check-form").get_by_role("button", name="Go on").click()
    assert "is not right" in page.get_by_role("alert").inner_text()
    assert (slots_of(hospital, subject), hospital.house.log()) == ({}, before)


def test_an_invitation_is_used_once(hospital: Hospital, page: Page, elsewhere: Page) -> None:
    with_a_key(page)
    _subject, code = hospital.newcomer()
    made_a_key(page, hospital, code)
    elsewhere.goto(f"{hospital.portal}/start#{code}")
    elsewhere.get_by_role("button", name="Go on").click()
    assert "does not work" in elsewhere.get_by_role("main").inner_text()
