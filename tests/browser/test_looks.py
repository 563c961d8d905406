"""Every page of both origins, in all its states and both languages: axe finds nothing, and nothing is cut off."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page

from consent import wiring
from consent.services.portal.sessions import SessionKind
from tests.browser.hospital import Hospital, made_a_key, served
from tests.browser.letters import code_in
from tests.browser.looking import with_a_key
from tests.browser.looks import HEARTS, IN_BOTH, SLEEP, STUDIES, Look, allow, press, tick_what_is_needed
from tests.browser.tongues import Tongue
from tests.browser.walking import came_in
from tests.services.house import DICTIONARY, STUDY
from vault import Access

pytestmark = IN_BOTH
ACCESS = Access("study:kidneys", "kidneys", "train", DICTIONARY.required, DICTIONARY.optional)
MANY = 22
"""Consents of somebody whose list goes on on a second page."""


@pytest.fixture(scope="module", autouse=True)
def _studies(hospital: Hospital) -> None:
    for one in STUDIES:
        hospital.house.open.registration.approve(one, hospital.house.clock())


def test_pages_of_a_newcomer_on_their_way_to_a_first_yes(
    hospital: Hospital, page: Page, look: Look, said: Tongue
) -> None:
    with_a_key(page)
    _, code = hospital.newcomer()
    page.goto(hospital.portal)
    look("welcome")
    page.get_by_role("link", name=said("I have a code from the hospital")).click()
    look("start")
    page.get_by_label(said("Your code")).fill("ABCD-EFGH")
    press(page, said("Go on"))
    look("start-error")
    page.get_by_label(said("Your code")).fill(code)
    press(page, said("Go on"))
    look("set-up")
    press(page, said("Make my key"))
    page.wait_for_url(f"{hospital.signing}/**")
    page.get_by_role("button", name=said("Make my key")).wait_for()
    look("set-up-key")
    press(page, said("Make my key"))
    through_the_code(page, look, said)
    page.wait_for_url(f"{hospital.portal}/**")
    through_the_preferences(page, look, said)
    through_a_request(page, look, said)


def through_the_code(page: Page, look: Look, said: Tongue) -> None:
    page.get_by_role("button", name=said("I have it on paper")).wait_for()
    groups = page.locator("#new-code li").all_inner_texts()
    look("set-up-code")
    press(page, said("I have it on paper"))
    look("set-up-check")
    fields = page.locator("#check-form input").all()
    for field in fields:
        field.fill("0000")
    press(page, said("Go on"))
    look("set-up-check-error")
    for question, field in enumerate(fields):
        place = re.search(r"\d", page.locator(f"#group-{question}-label").inner_text())
        assert place is not None
        field.fill(groups[int(place[0]) - 1])
    page.route("**/set-up", lambda route: route.abort(), times=1)
    press(page, said("Go on"))
    page.get_by_role("button", name=said("Finish")).wait_for()
    page.get_by_role("alert").wait_for()
    look("set-up-finish")
    press(page, said("Finish"))


def through_the_preferences(page: Page, look: Look, said: Tongue) -> None:
    look("preferences")
    page.get_by_label(said("Your e-mail address")).fill("nobody")
    page.locator("main form").evaluate("form => form.noValidate = true")  # the server looks for itself
    press(page, said("Save and go on"))
    look("preferences-error")
    page.get_by_label(said("Your e-mail address")).fill("")
    page.get_by_label(said("I may be counted, and asked about studies")).check()
    press(page, said("Save and go on"))
    look("home-empty")


def through_a_request(page: Page, look: Look, said: Tongue) -> None:
    page.get_by_role("link", name=said("Requests"), exact=True).click()
    look("requests")
    press(page, said.like("Say no", said.title(SLEEP)))
    look("requests-said-no")
    page.get_by_role("link", name=said.like("See and decide", said.title(HEARTS))).click()
    look("request")
    page.get_by_role("link", name=said("Choose what to allow")).click()
    look("choose")
    press(page, said("Go on"))
    look("choose-error")
    tick_what_is_needed(page, said)
    press(page, said("Go on"))
    look("when")
    press(page, said("Go on"))
    look("when-error")
    page.locator("[name=window][value='5']").check()
    page.locator("[name=end]").nth(1).check()
    press(page, said("Go on"))
    look("questions")
    for name in ("care", "stop", "name"):
        page.locator(f"[name={name}][value=yes]").check()
    press(page, said("Go on"))
    look("questions-error")
    for name in ("care", "name"):
        page.locator(f"[name={name}][value=no]").check()
    press(page, said("Go on"))
    look("check")
    press(page, said("Allow"))
    through_signing(page, look, said)


def through_signing(page: Page, look: Look, said: Tongue) -> None:
    page.get_by_role("button", name=said("Allow")).wait_for()
    look("sign")
    press(page, said("I cannot use my key here"))
    look("sign-other-ways")
    page.get_by_role("textbox", name=said("Your recovery code")).fill("0000")
    press(page, said("Allow"))
    page.get_by_role("alert").wait_for()
    look("sign-error")
    page.get_by_role("textbox", name=said("Your recovery code")).fill("")
    press(page, said("Allow"))
    page.wait_for_url("**/consents/**")
    look("consent-new")


def test_pages_of_somebody_whose_device_keeps_no_secret(
    hospital: Hospital, page: Page, look: Look, said: Tongue
) -> None:
    with_a_key(page, prf=False)
    _, code = hospital.newcomer()
    page.goto(f"{hospital.portal}/start#{code}")
    press(page, said("Go on"))
    press(page, said("Make my key"))
    page.wait_for_url(f"{hospital.signing}/**")
    press(page, said("Make my key"))
    page.get_by_label(said("Your passphrase"), exact=True).wait_for()
    look("set-up-passphrase")
    page.goto(hospital.portal)
    press(page, said("Sign in"))
    page.evaluate("localStorage.setItem('consentry.slot', '00'.repeat(32))")
    page.reload()
    page.get_by_role("button", name=said("Use your passphrase")).wait_for()
    look("sign-in")
    page.get_by_role("textbox", name=said("Your recovery code")).fill("0000-0000")
    press(page, said("Use your recovery code"))
    page.get_by_role("alert").wait_for()
    look("sign-in-error")


def test_pages_of_somebody_who_allowed_a_lot(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    house, subject = hospital.house, hospital.somebody()
    allow(hospital, subject, *STUDIES)
    allow(hospital, subject, STUDY, months=0)
    house.publish()
    hospital.sign_in(page.context, subject)
    page.goto(f"{hospital.portal}/requests")
    look("requests-none")
    page.goto(hospital.portal)
    look("home")
    page.get_by_role("link", name=said.like("Stop sharing", SLEEP.reference.title)).click()
    look("stop")
    press(page, said("Stop sharing"))
    look("stopped")
    house.clock.ahead = timedelta(days=-200)
    allow(hospital, subject, *[STUDY] * MANY, months=3)
    house.clock.ahead = timedelta()
    page.goto(f"{hospital.portal}/consents")
    look("consents")
    page.get_by_role("link", name=said("Next")).click()
    look("consents-next")
    page.locator("a.row", has_text=said("Ended")).last.click()
    look("consent-ended")
    page.goto(f"{hospital.portal}/consents")
    page.locator("a.row").first.click()
    page.get_by_text(said("Technical details")).click()
    look("consent")


def test_pages_of_what_is_ones_own(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    subject = hospital.somebody()
    hospital.ask(subject)
    hospital.sign_in(page.context, subject)
    allow(hospital, subject, STUDY)
    hospital.house.publish()
    for _ in range(2):
        hospital.house.gate().admit([subject], ACCESS)
    hospital.house.stop(subject)
    hospital.house.gate().admit([subject], ACCESS)
    page.goto(f"{hospital.portal}/activity")
    look("activity")
    page.locator("a.line", has_text=said("Your records were used")).first.click()
    page.get_by_text(said("See what you allowed")).wait_for()
    look("line")
    page.locator("summary", has_text=said("This looks wrong")).click()
    look("line-report")
    words = page.locator("textarea")
    words.evaluate("words => words.removeAttribute('maxlength')")  # the server looks for itself
    words.fill("a" * 5000)
    press(page, said("Ask the hospital"))
    page.get_by_role("alert").wait_for()
    look("line-report-error")
    press(page, said("Ask the hospital"))
    page.get_by_role("status").wait_for()
    number = page.locator("li", has_text=said("Your number")).locator("b").inner_text()
    wiring.reporting(hospital.house.open).answer(
        number, {"en": "Trainings run at night.", "es": "Se entrena de noche."}[said.language], hospital.house.clock()
    )
    page.reload()
    look("line-answered")
    page.goto(f"{hospital.portal}/you")
    look("you")
    page.goto(f"{hospital.portal}/requests/sleep")
    press(page, said("Say no"))
    page.get_by_role("status").wait_for()
    page.goto(f"{hospital.portal}/wishes")
    money = page.get_by_role("group", name=said("To make money"))
    money.get_by_label(said("Never ask")).check()
    press(page, said("Save"))
    page.get_by_text(said("Saved. It counts from now on.")).wait_for()
    assert money.get_by_label(said("Never ask")).is_checked()
    look("wishes")
    press(page, said.like("Let it ask again", said.title(SLEEP)))
    page.get_by_role("article", name=said.title(SLEEP)).wait_for()


def test_pages_of_records_receipts_and_an_erasure(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    with_a_key(page)
    _subject, code = hospital.newcomer()
    made_a_key(page, hospital, code, said=said)
    came_in(page, hospital, said=said)
    page.goto(f"{hospital.portal}/records")
    look("records")
    page.get_by_role("link", name=said.like("Lab results")).click()
    look("kind")
    page.locator("a.line").first.click()
    page.locator("summary").click()
    look("record")
    page.goto(f"{hospital.portal}/records/imaging")
    look("kind-none")
    page.goto(f"{hospital.portal}/records")
    press(page, said("Get a copy of everything"))
    page.locator("#act").wait_for()
    look("download")
    press(page, said("Get my copy"))
    page.wait_for_url("**/records/ready/*")
    look("copy-ready")
    other = hospital.somebody()
    hospital.sign_in(page.context, other)
    page.goto(f"{hospital.portal}/receipts")
    look("receipts-none")
    allow(hospital, other, STUDY)
    hospital.house.stop(other)
    page.reload()
    look("receipts")
    page.locator("a.line").first.click()
    page.get_by_alt_text(said("A square to scan, which checks this receipt")).wait_for()
    look("receipt")
    page.goto(f"{hospital.portal}/check")
    look("check-receipt")
    press(page, said("Check it"))
    page.get_by_role("status").wait_for()
    look("check-receipt-none")
    true = hospital.receipts(other)[0].to_json()
    for name, brought in (("check-receipt-true", true), ("check-receipt-altered", true | {"time": 1})):
        page.get_by_label(said("Or its words, as in the file")).fill(json.dumps(brought))
        press(page, said("Check it"))
        page.get_by_role("status").wait_for()
        look(name)


def test_pages_of_an_erasure(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    house = hospital.house
    with_a_key(page)
    _subject, code = hospital.newcomer()
    made_a_key(page, hospital, code, said=said)
    came_in(page, hospital, said=said)
    page.goto(f"{hospital.portal}/erase")
    look("erase")
    press(page, said("Go on to erase"))
    page.locator("#act").wait_for()
    look("erase-sign")
    press(page, said("Erase my records for good"))
    page.get_by_role("heading", name=said("Your records are being erased")).wait_for()
    look("erasure")
    for _ in range(6):
        house.anchor()
        house.publish()
        house.open.keep_house()
        house.open.epochs.turn()
    page.get_by_role("heading", name=said("Your records are erased")).wait_for()
    look("erasure-final")


def test_pages_while_the_ledger_cannot_be_read(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    house, subject = hospital.house, hospital.somebody()
    allow(hospital, subject, *STUDIES, STUDY)
    house.publish()
    hospital.sign_in(page.context, subject)
    house.clock.ahead = timedelta(hours=-1)
    house.follow()
    house.clock.ahead = timedelta()
    page.goto(hospital.portal)
    look("home-trouble")
    assert page.get_by_text(said("On hold")).count() == 3
    assert page.get_by_text(said("In use"), exact=True).count() == 0
    page.goto(f"{hospital.portal}/stop-everything")
    look("stop-everything")
    press(page, said("Stop sharing"))
    look("stopped-several")


def test_pages_of_somebody_without_a_key(
    hospital: Hospital, page: Page, letters: Path, look: Look, said: Tongue
) -> None:
    subject, address = hospital.somebody(), f"anna-{said.language}@example.org"
    allow(hospital, subject, *STUDIES)
    hospital.sign_in(page.context, subject)
    page.goto(f"{hospital.portal}/preferences")
    page.get_by_label(said("Your e-mail address")).fill(address)
    press(page, said("Save"))
    press(page, said("Sign out"))
    page.get_by_role("link", name=said("I lost my key: stop sharing")).click()
    look("stop-mail")
    page.get_by_label(said("Your e-mail address")).fill("anna@nowhere at all")
    page.locator("main form").evaluate("form => form.noValidate = true")
    press(page, said("Send me a code"))
    look("stop-mail-error")
    page.get_by_label(said("Your e-mail address")).fill(address)
    before = len(list(letters.glob("*.eml")))
    press(page, said("Send me a code"))
    look("stop-code")
    page.get_by_label(said("The code from the mail")).fill("0000-0000")
    press(page, said("Go on"))
    look("stop-code-error")
    page.get_by_label(said("The code from the mail")).fill(code_in(letters, before))
    press(page, said("Go on"))
    look("stop-only")
    press(page, said.like("Stop", said("Study %(number)s", number=1)))
    look("stop-only-stopped")
    page.get_by_role("link", name=said("Done")).click()
    press(page, said("Stop everything"))
    page.get_by_role("link", name=said("Done")).click()
    look("stop-only-none")


def test_pages_of_what_did_not_work(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    page.goto(f"{hospital.signing}/t/used")
    look("lost-link")
    page.goto(f"{hospital.portal}/nowhere")
    look("problem-not-here")
    hospital.sign_in(page.context, hospital.somebody(), SessionKind.STOPPING)
    page.goto(f"{hospital.portal}/stop")
    page.locator("form").first.evaluate("form => form.action = '/stop-everything'")
    page.locator("form").first.get_by_role("button").click()
    look("problem-not-yours")


def test_the_page_that_only_a_demo_has(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    home, people = hospital.house.open.places.home, [hospital.somebody() for _ in range(3)]
    (home / "this-is-a-demo").touch()
    titles = ("Somebody whom two studies ask", "Somebody who allowed three studies", "A newcomer with a code on paper")
    listed = [{"subject": one, "title": title, "new": False} for one, title in zip(people, titles, strict=True)]
    (home / "demo-patients.json").write_text(json.dumps(listed))
    with served(hospital.house) as demo:
        page.goto(f"{demo.portal}/demo")
        look("demo")


def test_the_page_of_too_many_tries(hospital: Hospital, page: Page, look: Look, said: Tongue) -> None:
    """The last of them: each process takes 60 a minute."""
    page.goto(hospital.signing + "/nowhere")
    page.evaluate("Promise.all(Array.from({ length: 300 }, () => fetch('/t/used')))")
    page.goto(f"{hospital.signing}/t/used")
    page.get_by_role("heading", name=said("Too many tries")).wait_for()
    look("problem-too-often")
