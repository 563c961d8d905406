"""People look after their keys in a real browser: they add a way in, test and renew the code, and make a new key."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page

from consent import wiring
from consent.domain.key_history import WAIT_SECONDS
from consent.domain.request_file import RequestFile
from consent.domain.subject_request import RequestAction
from consent.domain.terms import SubjectId
from consent.services.portal.enrolling import Slot
from consent.settings import WebSettings
from tests.browser.conftest import Seen
from tests.browser.hospital import Hospital, chosen_key, made_a_key, typed_back
from tests.browser.leaks import secret_of, seed_in, sent, traces, typed_traces
from tests.browser.looking import with_a_key
from tests.browser.test_key_apps import app_for
from tests.browser.test_key_apps import enrolled as enrolled_with_an_app
from tests.browser.walking import Walk, came_in, signed_in_by_code, signing_in
from tests.services.operators import FIRST, SECOND, approvals, registered, request

PASSPHRASE = "nine green hills and a boat"
ANOTHER = "seven quiet rivers under snow"
THREE_DAYS = timedelta(seconds=WAIT_SECONDS + 60)


@pytest.fixture
def later(hospital: Hospital) -> Iterator[None]:
    """Put the hospital's clock back after a test that waits."""
    yield
    hospital.house.clock.ahead = timedelta()


def newcomer(hospital: Hospital, page: Page, passphrase: str = "") -> tuple[SubjectId, str]:
    """Enrol with a touch, or with a passphrase where there is one; return who it is and the recovery code."""
    if not passphrase:
        with_a_key(page)
    else:
        page.add_init_script("delete window.PublicKeyCredential; delete Navigator.prototype.credentials")
    subject, invitation = hospital.newcomer()
    code = made_a_key(page, hospital, invitation, passphrase)
    came_in(page, hospital, asked=True)
    return subject, code


def began(page: Page, hospital: Hospital, name: str, step: str) -> None:
    """Begin what a button of the keys' page leads to."""
    page.goto(f"{hospital.portal}/keys")
    page.get_by_role("button", name=re.compile(f"^{name}")).click()
    page.wait_for_url(f"{hospital.signing}/**")
    page.locator(f"#{step}").wait_for()


def opened(page: Page, **typed: str) -> None:
    """Show that it is oneself, with a touch or with what is typed."""
    other = page.get_by_role("button", name="I cannot use my key here")
    if typed and other.is_visible():
        other.click()
    for field, text in typed.items():
        page.locator(f"#{field}").fill(text)
    page.locator("#open-form").get_by_role("button").first.click()


def came_in_by_passphrase(page: Page, hospital: Hospital, right: str, wrong: str) -> None:
    """Type the wrong passphrase, then the right one."""
    signing_in(page, hospital)
    for typed, answer in ((wrong, "This is not your passphrase"), (right, "")):
        page.get_by_label("Your passphrase", exact=True).fill(typed)
        page.get_by_role("button", name="Use your passphrase").click()
        if answer:
            page.get_by_text(answer).wait_for()
    page.wait_for_url(f"{hospital.portal}/")


def slots(hospital: Hospital, subject: SubjectId) -> dict[str, Slot]:
    enrolling = wiring.enrolling(hospital.house.open, WebSettings.read(hospital.port, {}))
    return {slot.kind: slot for slot in enrolling.slots(subject)}


def said(hospital: Hospital, subject: SubjectId) -> list[str]:
    return [entry["verdict"] for entry in hospital.house.log() if entry.get("subject") == subject]


def test_a_second_device_gets_a_key_of_its_own_which_allows_a_study(
    hospital: Hospital, page: Page, elsewhere: Page
) -> None:
    subject, code = newcomer(hospital, page)
    signed_in_by_code(elsewhere, hospital, code)
    with_a_key(elsewhere)
    began(elsewhere, hospital, "Add a way to sign in", "step-open")
    opened(elsewhere, code=code)
    elsewhere.get_by_role("button", name="Make my key").click()
    elsewhere.wait_for_url(f"{hospital.portal}/keys")
    assert elsewhere.get_by_role("heading", name="A key on a device").count() == 2
    assert elsewhere.get_by_text("Made on").count() == 3
    elsewhere.get_by_role("button", name="Sign out", exact=True).click()
    signing_in(elsewhere, hospital)
    elsewhere.get_by_role("button", name="Use your key").click()
    elsewhere.wait_for_url(f"{hospital.portal}/")
    walk = Walk(elsewhere, hospital)
    walk.chosen()
    walk.to_sign()
    walk.signed()
    hospital.house.publish()
    assert hospital.house.verdict(subject) == "PERMIT"
    assert said(hospital, subject).count("WAY_ADDED") == 1


def test_a_device_that_has_a_key_makes_no_second(hospital: Hospital, page: Page) -> None:
    subject, _code = newcomer(hospital, page)
    began(page, hospital, "Add a way to sign in", "step-open")
    opened(page)
    page.get_by_role("button", name="Make my key").click()
    page.get_by_text("This device has a key for this page already").wait_for()
    assert "WAY_ADDED" not in said(hospital, subject)


def test_a_new_passphrase_takes_the_place_of_the_old_one(hospital: Hospital, page: Page) -> None:
    subject, _code = newcomer(hospital, page, PASSPHRASE)
    before = slots(hospital, subject)["passphrase"]
    began(page, hospital, "Add a way to sign in", "step-open")
    opened(page, passphrase=PASSPHRASE)
    page.locator("#step-passphrase").wait_for()
    chosen_key(page, ANOTHER)
    page.wait_for_url(f"{hospital.portal}/keys")
    after = slots(hospital, subject)
    assert set(after) == {"passphrase", "recovery"}
    assert after["passphrase"].id != before.id
    page.get_by_role("button", name="Sign out", exact=True).click()
    came_in_by_passphrase(page, hospital, ANOTHER, wrong=PASSPHRASE)


def test_the_code_on_paper_is_tested_and_stays_in_the_browser(hospital: Hospital, page: Page, seen: Seen) -> None:
    _subject, code = newcomer(hospital, page)
    began(page, hospital, "Test it", "step-try")
    before = len([one for one in seen.requests if one.method == "POST"])
    for typed, answer in (
        (f"{code[:-1]}{'0' if code[-1] != '0' else '1'}", "This is not a full recovery code"),
        ("0000-0000-0000-0000-0000-0000-0000", "We do not know this recovery code"),
    ):
        page.get_by_label("Your recovery code").fill(typed)
        page.get_by_role("button", name="Test it").click()
        page.get_by_text(answer).wait_for()
    page.get_by_label("Your recovery code").fill(code)
    page.get_by_role("button", name="Test it").click()
    page.get_by_role("heading", name="Your code is right").wait_for()
    assert len([one for one in seen.requests if one.method == "POST"]) == before
    assert (typed_traces(code, sent(seen)), traces(secret_of(code), sent(seen))) == ([], [])
    page.get_by_role("link", name="Back to your keys").click()
    page.wait_for_url(f"{hospital.portal}/keys")


def test_a_new_code_opens_the_key_and_the_old_one_does_not(hospital: Hospital, page: Page, elsewhere: Page) -> None:
    subject, old = newcomer(hospital, page)
    began(page, hospital, "Make a new one", "step-open")
    opened(page)
    new = typed_back(page)
    page.wait_for_url(f"{hospital.portal}/keys")
    assert set(slots(hospital, subject)) == {"passkey", "recovery"}
    signing_in(elsewhere, hospital)
    elsewhere.get_by_label("Your recovery code", exact=True).fill(old)
    elsewhere.get_by_role("button", name="Use your recovery code").click()
    elsewhere.get_by_text("We do not know this recovery code").wait_for()
    signed_in_by_code(elsewhere, hospital, new)


def test_who_leaves_before_the_code_is_typed_back_keeps_the_old_one(hospital: Hospital, page: Page) -> None:
    subject, _code = newcomer(hospital, page)
    before = slots(hospital, subject)
    began(page, hospital, "Make a new one", "step-open")
    opened(page)
    page.get_by_role("button", name="I have it on paper").click()
    page.get_by_role("link", name="Stop and go back").click()
    page.wait_for_url(f"{hospital.portal}/**")
    assert slots(hospital, subject) == before


@pytest.mark.usefixtures("later")
def test_a_new_key_counts_after_three_days_and_no_secret_of_it_leaves_the_browser(
    hospital: Hospital, page: Page, elsewhere: Page, seen: Seen
) -> None:
    subject, old = newcomer(hospital, page)
    began(page, hospital, "Make a new key", "step-key")
    chosen_key(page)
    new = typed_back(page)
    opened(page, code=old)
    page.wait_for_url(f"{hospital.portal}/keys")
    assert page.get_by_role("heading", name="A new key waits").is_visible()
    hospital.house.clock.ahead += THREE_DAYS
    hospital.house.open.keep_house()
    assert said(hospital, subject)[-2:] == ["KEY_ASKED", "KEY_REPLACED"]
    page.goto(f"{hospital.portal}/keys")
    assert page.url == f"{hospital.portal}/", "the new key signed everybody out"
    signed_in_by_code(elsewhere, hospital, new)
    walk = Walk(elsewhere, hospital)
    walk.chosen()
    walk.to_sign()
    elsewhere.get_by_role("button", name="I cannot use my key here").click()
    walk.signed(code=new)
    kept, key = slots(hospital, subject), hospital.house.open.book.enrolments[subject]
    everything = sent(seen) + sent(elsewhere.context.seen)  # type: ignore[attr-defined]  # put there by the fixture
    for secret in (secret_of(old), secret_of(new), seed_in(kept["recovery"], new, key)):
        assert traces(secret, everything) == []
    assert typed_traces(new, everything) == []
    elsewhere.get_by_role("button", name="Sign out", exact=True).click()
    signing_in(elsewhere, hospital)
    elsewhere.get_by_label("Your recovery code", exact=True).fill(old)
    elsewhere.get_by_role("button", name="Use your recovery code").click()
    elsewhere.get_by_text("We do not know this recovery code").wait_for()


@pytest.mark.usefixtures("later")
def test_the_passphrase_of_a_new_key_counts_once_the_key_does_and_the_old_one_until_then(
    hospital: Hospital, page: Page
) -> None:
    newcomer(hospital, page, PASSPHRASE)
    began(page, hospital, "Make a new key", "step-passphrase")
    chosen_key(page, ANOTHER)
    typed_back(page)
    opened(page, passphrase=PASSPHRASE)
    page.wait_for_url(f"{hospital.portal}/keys")
    page.get_by_role("button", name="Sign out", exact=True).click()
    came_in_by_passphrase(page, hospital, PASSPHRASE, wrong=ANOTHER)
    hospital.house.clock.ahead += THREE_DAYS
    hospital.house.open.keep_house()
    page.goto(hospital.portal)
    came_in_by_passphrase(page, hospital, ANOTHER, wrong=PASSPHRASE)


@pytest.mark.usefixtures("later")
def test_whoever_has_the_old_key_says_no_to_a_new_one(hospital: Hospital, page: Page) -> None:
    subject, _old = newcomer(hospital, page)
    enrolling = wiring.enrolling(hospital.house.open, WebSettings.read(hospital.port, {}))
    key = enrolling.enrolment_of(subject)
    began(page, hospital, "Make a new key", "step-key")
    chosen_key(page)
    typed_back(page)
    opened(page)
    page.wait_for_url(f"{hospital.portal}/keys")
    page.get_by_role("button", name="Say no to the new key").click()
    page.get_by_text("The new key will not count").wait_for()
    hospital.house.clock.ahead += THREE_DAYS
    hospital.house.open.keep_house()
    assert hospital.house.open.book.enrolments[subject] == key
    assert said(hospital, subject)[-2:] == ["KEY_ASKED", "KEY_CANCELLED"]


@pytest.mark.usefixtures("later")
def test_who_lost_everything_makes_a_key_with_an_operators_code_and_waits(
    hospital: Hospital, page: Page, elsewhere: Page
) -> None:
    subject, _old = newcomer(hospital, page)
    registered(hospital.house, FIRST, SECOND)
    wanted = request(hospital.house, subject, RequestAction.REPLACE_KEY)
    new_keys = wiring.new_keys(hospital.house.open, WebSettings.read(hospital.port, {}))
    file = RequestFile(wanted, approvals(wanted, FIRST, SECOND))
    invitation = new_keys.invite(file, hospital.house.clock())
    with_a_key(elsewhere)
    new = made_a_key(elsewhere, hospital, invitation)
    assert elsewhere.url == f"{hospital.portal}/new-key-waits"
    assert elsewhere.get_by_role("button", name="Sign out").count() == 0, "nobody is signed in"
    page.goto(hospital.portal)
    page.get_by_role("main").get_by_text("A new key waits").wait_for()
    hospital.house.clock.ahead += THREE_DAYS
    hospital.house.open.keep_house()
    signed_in_by_code(elsewhere, hospital, new)


def test_an_apps_key_is_replaced_by_one_of_ours_and_nothing_else_is_offered(hospital: Hospital, page: Page) -> None:
    app_for(hospital, page)
    subject = enrolled_with_an_app(page, hospital)
    page.goto(f"{hospital.portal}/keys")
    buttons = page.get_by_role("main").get_by_role("button").all_inner_texts()
    assert buttons == ["Make a new key", "Sign out everywhere"]
    page.get_by_role("button", name="Make a new key").click()
    with_a_key(page)
    page.locator("#step-key").wait_for()
    chosen_key(page)
    typed_back(page)
    page.get_by_role("button", name="Ask for the new key").click()
    page.wait_for_url(f"{hospital.portal}/keys")
    assert said(hospital, subject)[-1] == "KEY_ASKED"
