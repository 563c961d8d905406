"""Every page of both origins, in all its states: axe finds nothing, light or dark, at 320 px or at 200 %."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page

from consent import wiring
from consent.domain.study import Study
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, month_end_after
from consent.services.portal.sessions import SessionKind
from tests.browser.hospital import Hospital, made_a_key, served
from tests.browser.letters import code_in
from tests.browser.looking import looked_at, with_a_key
from tests.browser.walking import came_in
from tests.services.house import DICTIONARY, STUDY
from vault import Access

Look = Callable[[str], None]
ACCESS = Access("study:kidneys", "kidneys", "train", DICTIONARY.required, DICTIONARY.optional)
MANY = 22
"""Consents of somebody whose list goes on on a second page."""


def study(name: str, title: str, institution: str, text: str, **changed: object) -> Study:
    """Return a study like the template's, about something else."""
    like = replace(STUDY, reference=StudyReference(name, title, institution), text=text)
    return replace(like, **changed)  # type: ignore[arg-type]  # fields of Study


STUDIES = (
    study(
        "hearts",
        "Hearts after a hospital stay",
        "Example University Hospital",
        "Some people are back in hospital soon after a heart problem. Others are not.\n\n"
        "We want a computer to learn who needs help early. We look at lab results and at how people did.",
        required=frozenset({Category.DEMOGRAPHICS, Category.OUTCOMES, Category.LABORATORY}),
        optional=frozenset({Category.MEDICATIONS, Category.VITAL_SIGNS}),
    ),
    study(
        "sleep",
        "Sleep on the ward",
        "Example Institute for Public Health",
        "We ask how people sleep on a ward, and what wakes them.",
        operations=frozenset({Operation.TRAIN, Operation.PREDICT}),
    ),
)


@pytest.fixture(scope="module", autouse=True)
def _studies(hospital: Hospital) -> None:
    for one in STUDIES:
        hospital.house.open.registration.approve(one, hospital.house.clock())


@pytest.fixture
def look(page: Page) -> Iterator[Look]:
    """Look at the page as it is now, under a name; at the end nothing was wrong anywhere."""
    wrong: list[str] = []
    page.emulate_media(reduced_motion="reduce")  # a colour on its way to another is neither
    yield lambda name: wrong.extend(looked_at(page, name))
    assert wrong == []


def press(page: Page, name: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=name).click()


def tick_what_is_needed(page: Page) -> None:
    for box in page.locator("fieldset", has=page.get_by_text("Needed", exact=True)).get_by_role("checkbox").all():
        box.check()


def allow(hospital: Hospital, subject: SubjectId, *studies: Study, months: int = 12) -> None:
    """Let somebody allow studies what they cannot do without."""
    house = hospital.house
    expires = month_end_after(house.clock(), months)
    for one in studies:
        meant = {"study": one.reference, "text_hash": one.text_hash, "operations": one.operations}
        house.grant(subject, categories=one.required, expires=expires, **meant)


def test_pages_of_a_newcomer_on_their_way_to_a_first_yes(hospital: Hospital, page: Page, look: Look) -> None:
    with_a_key(page)
    _, code = hospital.newcomer()
    page.goto(hospital.portal)
    look("welcome")
    page.get_by_role("link", name="I have a code").click()
    look("start")
    page.get_by_label("Your code").fill("ABCD-EFGH")
    press(page, "Go on")
    look("start-error")
    page.get_by_label("Your code").fill(code)
    press(page, "Go on")
    look("set-up")
    press(page, "Make my key")
    page.wait_for_url(f"{hospital.signing}/**")
    page.get_by_role("button", name="Make my key").wait_for()
    look("set-up-key")
    press(page, "Make my key")
    through_the_code(page, look)
    page.wait_for_url(f"{hospital.portal}/**")
    through_the_preferences(page, look)
    through_a_request(page, look)


def through_the_code(page: Page, look: Look) -> None:
    page.get_by_role("button", name="I have it on paper").wait_for()
    groups = page.locator("#new-code li").all_inner_texts()
    look("set-up-code")
    press(page, "I have it on paper")
    look("set-up-check")
    fields = page.locator("#check-form input").all()
    for field in fields:
        field.fill("0000")
    press(page, "Go on")
    look("set-up-check-error")
    for question, field in enumerate(fields):
        place = page.locator(f"#group-{question}-label").inner_text().removeprefix("Group ").split()[0]
        field.fill(groups[int(place) - 1])
    page.route("**/set-up", lambda route: route.abort(), times=1)
    press(page, "Go on")
    page.get_by_role("button", name="Finish").wait_for()
    page.get_by_role("alert").wait_for()
    look("set-up-finish")
    press(page, "Finish")


def through_the_preferences(page: Page, look: Look) -> None:
    look("preferences")
    page.get_by_label("Your e-mail address").fill("nobody")
    page.locator("main form").evaluate("form => form.noValidate = true")  # the server looks for itself
    press(page, "Save and go on")
    look("preferences-error")
    page.get_by_label("Your e-mail address").fill("")
    page.get_by_label("I may be counted").check()
    press(page, "Save and go on")
    look("home-empty")


def through_a_request(page: Page, look: Look) -> None:
    page.get_by_role("link", name="Requests", exact=True).click()
    look("requests")
    press(page, re.compile("Say no.*Sleep"))
    look("requests-said-no")
    page.get_by_role("link", name=re.compile("See and decide.*Hearts")).click()
    look("request")
    page.get_by_role("link", name="Choose what to allow").click()
    look("choose")
    press(page, "Go on")
    look("choose-error")
    tick_what_is_needed(page)
    press(page, "Go on")
    look("when")
    press(page, "Go on")
    look("when-error")
    page.get_by_label("The last 5 years").check()
    page.locator("[name=end]").nth(1).check()
    press(page, "Go on")
    look("questions")
    for name in ("care", "stop", "name"):
        page.locator(f"[name={name}][value=yes]").check()
    press(page, "Go on")
    look("questions-error")
    for name in ("care", "name"):
        page.locator(f"[name={name}][value=no]").check()
    press(page, "Go on")
    look("check")
    press(page, "Allow")
    through_signing(page, look)


def through_signing(page: Page, look: Look) -> None:
    page.get_by_role("button", name="Allow").wait_for()
    look("sign")
    press(page, "I cannot use my key here")
    look("sign-other-ways")
    page.get_by_role("textbox", name="Your recovery code").fill("0000")
    press(page, "Allow")
    page.get_by_role("alert").wait_for()
    look("sign-error")
    page.get_by_role("textbox", name="Your recovery code").fill("")
    press(page, "Allow")
    page.wait_for_url("**/consents/**")
    look("consent-new")


def test_pages_of_somebody_whose_device_keeps_no_secret(hospital: Hospital, page: Page, look: Look) -> None:
    with_a_key(page, prf=False)
    _, code = hospital.newcomer()
    page.goto(f"{hospital.portal}/start#{code}")
    press(page, "Go on")
    press(page, "Make my key")
    page.wait_for_url(f"{hospital.signing}/**")
    press(page, "Make my key")
    page.get_by_label("Your passphrase", exact=True).wait_for()
    look("set-up-passphrase")
    page.goto(hospital.portal)
    press(page, "Sign in")
    page.evaluate("localStorage.setItem('consentry.slot', '00'.repeat(32))")
    page.reload()
    page.get_by_role("button", name="Use your passphrase").wait_for()
    look("sign-in")
    page.get_by_role("textbox", name="Your recovery code").fill("0000-0000")
    press(page, "Use your recovery code")
    page.get_by_role("alert").wait_for()
    look("sign-in-error")


def test_pages_of_somebody_who_allowed_a_lot(hospital: Hospital, page: Page, look: Look) -> None:
    house, subject = hospital.house, hospital.house.people[0]
    allow(hospital, subject, *STUDIES)
    allow(hospital, subject, STUDY, months=0)
    house.publish()
    hospital.sign_in(page.context, subject)
    page.goto(f"{hospital.portal}/requests")
    look("requests-none")
    page.goto(hospital.portal)
    look("home")
    page.get_by_role("link", name=re.compile("Stop sharing.*Sleep")).click()
    look("stop")
    press(page, "Stop sharing")
    look("stopped")
    house.clock.ahead = timedelta(days=-200)
    allow(hospital, subject, *[STUDY] * MANY, months=3)
    house.clock.ahead = timedelta()
    page.goto(f"{hospital.portal}/consents")
    look("consents")
    page.get_by_role("link", name="Next").click()
    look("consents-next")
    page.locator("a.row", has_text="Ended").last.click()
    look("consent-ended")
    page.goto(f"{hospital.portal}/consents")
    page.locator("a.row").first.click()
    page.get_by_text("Technical details").click()
    look("consent")


def test_pages_of_what_is_ones_own(hospital: Hospital, page: Page, look: Look) -> None:
    subject = hospital.house.people[6]
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
    page.locator("a.line", has_text="Your records were used").first.click()
    page.get_by_text("See what you allowed").wait_for()
    look("line")
    page.locator("summary", has_text="This looks wrong").click()
    look("line-report")
    press(page, "Ask the hospital")
    page.get_by_text("Your number is").wait_for()
    number = page.locator("li", has_text="Your number").locator("b").inner_text()
    wiring.reporting(hospital.house.open).answer(number, "Trainings run at night.", hospital.house.clock())
    page.reload()
    look("line-answered")
    page.goto(f"{hospital.portal}/you")
    look("you")
    page.goto(f"{hospital.portal}/requests/sleep")
    press(page, "Say no")
    page.get_by_text("You said no to").wait_for()
    page.goto(f"{hospital.portal}/wishes")
    page.get_by_role("group", name="To make money").get_by_label("Never ask").check()
    press(page, "Save")
    page.get_by_text("Saved").wait_for()
    assert page.get_by_role("group", name="To make money").get_by_label("Never ask").is_checked()
    look("wishes")
    press(page, re.compile("Let it ask again.*Sleep"))
    page.get_by_role("article", name="Sleep on the ward").wait_for()


def test_pages_of_records_receipts_and_an_erasure(hospital: Hospital, page: Page, look: Look) -> None:
    with_a_key(page)
    _subject, code = hospital.newcomer()
    made_a_key(page, hospital, code)
    came_in(page, hospital)
    page.goto(f"{hospital.portal}/records")
    look("records")
    page.get_by_role("link", name=re.compile("Lab results")).click()
    look("kind")
    page.locator("a.line").first.click()
    page.locator("summary").click()
    look("record")
    page.goto(f"{hospital.portal}/records")
    press(page, "Get a copy of everything")
    page.locator("#act").wait_for()
    look("download")
    page.get_by_role("link", name="Go back").click()
    other = hospital.house.people[8]
    allow(hospital, other, STUDY)
    hospital.house.stop(other)
    hospital.sign_in(page.context, other)
    page.goto(f"{hospital.portal}/receipts")
    look("receipts")
    page.locator("a.line").first.click()
    page.get_by_alt_text("A square to scan").wait_for()
    look("receipt")
    page.goto(f"{hospital.portal}/check")
    look("check-receipt")
    true = hospital.receipts(other)[0].to_json()
    for name, brought in (("check-receipt-true", true), ("check-receipt-altered", true | {"time": 1})):
        page.get_by_label("Or its words").fill(json.dumps(brought))
        press(page, "Check it")
        page.get_by_role("status").wait_for()
        look(name)


def test_pages_of_an_erasure(hospital: Hospital, page: Page, look: Look) -> None:
    house = hospital.house
    with_a_key(page)
    _subject, code = hospital.newcomer()
    made_a_key(page, hospital, code)
    came_in(page, hospital)
    page.goto(f"{hospital.portal}/erase")
    look("erase")
    press(page, "Go on to erase")
    page.locator("#act").wait_for()
    look("erase-sign")
    press(page, "Erase my records for good")
    page.get_by_role("heading", name="being erased").wait_for()
    look("erasure")
    for _ in range(6):
        house.anchor()
        house.publish()
        house.open.keep_house()
        house.open.epochs.turn()
    page.get_by_role("heading", name="Your records are erased").wait_for()
    look("erasure-final")


def test_pages_while_the_ledger_cannot_be_read(hospital: Hospital, page: Page, look: Look) -> None:
    house, subject = hospital.house, hospital.house.people[1]
    allow(hospital, subject, *STUDIES, STUDY)
    house.publish()
    hospital.sign_in(page.context, subject)
    house.clock.ahead = timedelta(hours=-1)
    house.follow()
    house.clock.ahead = timedelta()
    page.goto(hospital.portal)
    look("home-trouble")
    assert page.get_by_text("On hold").count() == 3
    assert page.get_by_text("In use", exact=True).count() == 0
    page.goto(f"{hospital.portal}/stop-everything")
    look("stop-everything")
    press(page, "Stop sharing")
    look("stopped-several")


def test_pages_of_somebody_without_a_key(hospital: Hospital, page: Page, letters: Path, look: Look) -> None:
    subject = hospital.house.people[2]
    allow(hospital, subject, *STUDIES)
    hospital.sign_in(page.context, subject)
    page.goto(f"{hospital.portal}/preferences")
    page.get_by_label("Your e-mail address").fill("anna@example.org")
    press(page, "Save and go on")
    press(page, "Sign out")
    page.get_by_role("link", name="I lost my key").click()
    look("stop-mail")
    page.get_by_label("Your e-mail address").fill("anna@nowhere at all")
    page.locator("main form").evaluate("form => form.noValidate = true")
    press(page, "Send me a code")
    look("stop-mail-error")
    page.get_by_label("Your e-mail address").fill("anna@example.org")
    press(page, "Send me a code")
    look("stop-code")
    page.get_by_label("The code from the mail").fill("0000-0000")
    press(page, "Go on")
    look("stop-code-error")
    page.get_by_label("The code from the mail").fill(code_in(letters))
    press(page, "Go on")
    look("stop-only")
    press(page, re.compile("Stop.*Study 1"))
    look("stop-only-stopped")
    page.get_by_role("link", name="Done").click()
    press(page, "Stop everything")
    page.get_by_role("link", name="Done").click()
    look("stop-only-none")


def test_pages_of_what_did_not_work(hospital: Hospital, page: Page, look: Look) -> None:
    page.goto(f"{hospital.signing}/t/used")
    look("lost-link")
    page.goto(f"{hospital.portal}/nowhere")
    look("problem-not-here")
    hospital.sign_in(page.context, hospital.house.people[3], SessionKind.STOPPING)
    page.goto(f"{hospital.portal}/stop")
    page.locator("form").first.evaluate("form => form.action = '/stop-everything'")
    page.locator("form").first.get_by_role("button").click()
    look("problem-not-yours")
    page.goto(hospital.signing + "/nowhere")
    page.evaluate("Promise.all(Array.from({ length: 300 }, () => fetch('/t/used')))")  # each process takes 60 a minute
    page.goto(f"{hospital.signing}/t/used")
    page.get_by_role("heading", name="Too many tries").wait_for()
    look("problem-too-often")


def test_the_page_that_only_a_demo_has(hospital: Hospital, page: Page, look: Look) -> None:
    home, people = hospital.house.open.places.home, hospital.house.people[3:6]
    (home / "this-is-a-demo").touch()
    titles = ("Somebody whom two studies ask", "Somebody who allowed three studies", "A newcomer with a code on paper")
    listed = [{"subject": one, "title": title, "new": False} for one, title in zip(people, titles, strict=True)]
    (home / "demo-patients.json").write_text(json.dumps(listed))
    with served(hospital.house) as demo:
        page.goto(f"{demo.portal}/demo")
        look("demo")
