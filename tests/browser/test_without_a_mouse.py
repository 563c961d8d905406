"""Allowing and stopping with the keyboard alone, and stopping in a browser that runs no script."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from consent.domain.terms import SubjectId
from tests.browser.hospital import Hospital
from tests.browser.keyboard import Keyboard
from tests.browser.letters import code_in
from tests.browser.looking import with_a_key


def test_somebody_makes_a_key_and_allows_a_study_by_keyboard(
    hospital: Hospital, page: Page, keyboard: Keyboard
) -> None:  # fmt: skip
    with_a_key(page)
    subject, code = hospital.newcomer()
    page.goto(hospital.portal)
    keyboard.press("I have a code")
    page.wait_for_url("**/start")
    keyboard.to("Your code")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.wait_for_url("**/set-up")
    keyboard.press("Make my key")
    page.wait_for_url(f"{hospital.signing}/set-up")
    keyboard.answers("Make your key")
    keyboard.press("Make my key")
    page.locator("#new-code li").first.wait_for()
    keyboard.answers("Keep your recovery code")
    groups = page.locator("#new-code li").all_inner_texts()
    keyboard.press("I have it on paper")
    keyboard.answers("Check your recovery code")
    types_groups_back(page, keyboard, groups)
    page.wait_for_url(f"{hospital.portal}/preferences")
    keyboard.press("Save and go on")
    page.wait_for_url(f"{hospital.portal}/")
    hospital.ask(subject)
    page.reload()
    allows(page, keyboard)
    [entry] = hospital_entries(hospital, subject)
    assert entry == "kidneys"


def types_groups_back(page: Page, keyboard: Keyboard, groups: list[str]) -> None:
    """Type what the page asks for, the first of it wrongly at first."""
    for attempt in ("wrong", "right"):
        for question in (0, 1):
            asked = re.search(r"\d", page.locator(f"#group-{question}-label").inner_text())
            assert asked is not None
            if attempt == "wrong" or question == 1:
                keyboard.to(f"Group {asked[0]}")
            page.keyboard.press("Control+a")
            page.keyboard.type("0000" if attempt == "wrong" else groups[int(asked[0]) - 1])
        page.keyboard.press("Enter")
        if attempt == "wrong":
            page.get_by_role("alert").wait_for()
            keyboard.answers("Group")  # the field that is wrong has the focus


def allows(page: Page, keyboard: Keyboard) -> None:
    """Allow the one study that asks, with every mistake that a page can tell of."""
    keyboard.press("Requests")
    page.wait_for_url("**/requests")
    keyboard.press("See and decide")
    page.wait_for_url("**/requests/kidneys")
    keyboard.press("Choose what to allow")
    page.wait_for_url("**/choose")
    keyboard.press("Go on")
    page.get_by_role("alert").wait_for()
    keyboard.answers("Please look at this again")
    for name in ("Age and sex", "Survival"):
        keyboard.to(name)
        page.keyboard.press("Space")
    keyboard.press("Go on")
    page.wait_for_url("**/when")
    keyboard.to("The last year")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")  # to the other question
    page.keyboard.press("Space")
    keyboard.press("Go on")
    page.wait_for_url("**/questions")
    answers_the_questions(page, keyboard)
    page.wait_for_url("**/check")
    keyboard.press("Allow")
    page.wait_for_url("**/sign")
    page.get_by_role("button", name="Allow").wait_for()
    keyboard.press("Allow")
    page.wait_for_url("**/consents/**")


def answers_the_questions(page: Page, keyboard: Keyboard) -> None:
    """Answer three questions: Space takes the first answer, an arrow the second."""
    for right in ("no", "yes", "no"):
        page.keyboard.press("Tab")
        while page.evaluate("document.activeElement.type") != "radio":
            page.keyboard.press("Tab")
        page.keyboard.press("Space")
        if right == "no":
            page.keyboard.press("ArrowRight")
    keyboard.press("Go on")


def hospital_entries(hospital: Hospital, subject: SubjectId) -> list[str]:
    """Return the studies that somebody allowed, as the log has it."""
    with hospital.house.open.store.reading() as unit:
        hospital.house.open.book.follow(unit)
    return [entry.terms.study.id for entry in hospital.house.open.book.entries(subject) if not entry.stopped]


def test_somebody_stops_by_keyboard_in_three_presses(hospital: Hospital, page: Page, keyboard: Keyboard) -> None:
    subject = hospital.house.people[0]
    hospital.house.grant(subject)
    hospital.sign_in(page.context, subject)
    page.goto(hospital.portal)
    page.keyboard.press("Tab")
    keyboard.answers("Skip to the page")
    page.keyboard.press("Enter")
    keyboard.press("Stop sharing")
    page.wait_for_url("**/stop")
    keyboard.press("Stop sharing")
    page.wait_for_url("**/stopped")
    assert hospital_entries(hospital, subject) == []


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A page of a browser that runs no script."""
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def test_without_scripts_one_study_is_stopped_and_then_everything(hospital: Hospital, plain: Page) -> None:
    subject = hospital.house.people[1]
    for _ in range(3):
        hospital.house.grant(subject)
    hospital.sign_in(plain.context, subject)
    plain.goto(hospital.portal)
    plain.get_by_role("link", name=re.compile("Stop sharing")).first.click()
    plain.get_by_role("button", name="Stop sharing").click()
    assert plain.get_by_role("heading", name="Sharing has stopped").is_visible()
    assert len(hospital_entries(hospital, subject)) == 2
    plain.get_by_role("link", name="Done").click()
    plain.get_by_role("link", name="Stop everything").click()
    plain.get_by_role("button", name="Stop sharing").click()
    assert plain.get_by_text("These 2 studies can no longer use your records.").is_visible()
    assert hospital_entries(hospital, subject) == []


def test_without_scripts_and_without_a_key_a_mailed_code_stops(
    hospital: Hospital, plain: Page, letters: Path
) -> None:  # fmt: skip
    subject = hospital.house.people[2]
    for _ in range(3):
        hospital.house.grant(subject)
    hospital.sign_in(plain.context, subject)
    plain.goto(f"{hospital.portal}/preferences")
    plain.get_by_label("Your e-mail address").fill("ben@example.org")
    plain.get_by_role("button", name="Save").click()
    plain.get_by_role("button", name="Sign out").click()
    plain.get_by_role("link", name="I lost my key").click()
    plain.get_by_label("Your e-mail address").fill("ben@example.org")
    plain.get_by_role("button", name="Send me a code").click()
    plain.get_by_label("The code from the mail").fill(code_in(letters))
    plain.get_by_role("button", name="Go on").click()
    plain.get_by_role("button", name=re.compile("Stop.*Study 1")).click()
    assert len(hospital_entries(hospital, subject)) == 2
    plain.get_by_role("link", name="Done").click()
    plain.get_by_role("button", name="Stop everything").click()
    assert plain.get_by_role("heading", name="Sharing has stopped").is_visible()
    assert hospital_entries(hospital, subject) == []


def test_without_scripts_the_signing_page_says_so_and_leads_to_the_stop(hospital: Hospital, plain: Page) -> None:
    plain.goto(hospital.portal)
    plain.get_by_role("button", name="Sign in").click()
    assert "This page needs JavaScript." in plain.locator("main").inner_text()
    plain.locator("noscript a").click()
    assert plain.url == f"{hospital.portal}/stop/mail"
