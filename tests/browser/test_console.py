"""An auditor in a real browser: from each question to its answer, in light and dark, wide and on a phone of 320 px."""

import csv
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from consent.services.desk.callers import Role
from tests.browser.console import ServedConsole, served_console
from tests.browser.looking import TIGHTEST, found_by_axe, in_each_look, overflows
from tests.browser.looks import press
from tests.services.audited import Past, lived
from tests.services.house import House, Template


@pytest.fixture(scope="module")
def past(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """A hospital of which two weeks are over."""
    with House.copied(template, tmp_path_factory.mktemp("console") / "home") as house:
        yield lived(house)


@pytest.fixture(scope="module")
def console(past: Past) -> Iterator[ServedConsole]:
    """Its staff's pages."""
    with served_console(past.house) as found:
        yield found


def look(page: Page) -> list[str]:
    """Return what is wrong with a page in any look."""
    wrong = []
    for seen in in_each_look(page, sizes=TIGHTEST):
        wrong += [f"{page.url}, {seen}: {found}" for found in found_by_axe(page)]
        wrong += [f"{page.url}, {seen}: must be scrolled sideways"] if overflows(page) else []
    return wrong


def test_an_auditor_finds_an_answer_to_each_question(console: ServedConsole, past: Past, page: Page) -> None:
    console.sign_in(page.context, "audrey", Role.AUDITOR)
    page.goto(f"{console.origin}/staff")
    page.get_by_role("link", name="Audit").click()
    wrong = look(page)

    page.get_by_role("link", name="What happened?").click()
    page.get_by_label("Kind").select_option("Consent stopped")
    page.get_by_label("Study").fill("kidneys")
    press(page, "Show")
    assert page.locator("tbody tr").count() == 4, "three who stopped, and the stop that an erasure is"
    wrong += look(page)
    with page.expect_download() as given:
        press(page, "CSV")
    rows = list(csv.reader(given.value.path().read_text().splitlines()))
    assert len(rows) == 5
    page.get_by_role("link", name="Consent stopped").first.click()
    page.get_by_text("Leads to the signed root").wait_for()
    page.get_by_text("The path, from the leaf up").click()
    wrong += look(page)

    page.get_by_role("navigation", name="Audit").get_by_role("link", name="As of a day").click()
    page.get_by_label("At the end of").fill(past.day(6))
    press(page, "Show")
    page.get_by_role("heading", name="could read records of 36 people").wait_for()
    wrong += look(page)
    page.get_by_role("row").nth(1).get_by_role("link").nth(1).click()
    page.get_by_text("All sides agree").wait_for()
    page.get_by_text("Technical details").click()
    wrong += look(page)
    page.get_by_role("link", name="Compare …").click()
    page.get_by_label("Second consent").fill(past.consent_of(past.standing[5]))
    press(page, "Compare")
    page.get_by_role("heading", name="One thing differs").wait_for()
    page.get_by_text("What is the same").click()
    wrong += look(page)
    assert wrong == []


@pytest.mark.parametrize("where", ["consents", "reconcile", "models", "checkpoints?only=proven", "erasures"])
def test_each_other_page_is_for_everybody(console: ServedConsole, page: Page, where: str) -> None:
    console.sign_in(page.context, "otto", Role.OPERATOR)
    page.goto(f"{console.origin}/staff/audit/{where}")
    assert look(page) == []


def test_findings_are_checked_and_printed(console: ServedConsole, page: Page) -> None:
    console.sign_in(page.context, "audrey", Role.AUDITOR)
    page.goto(f"{console.origin}/staff/audit/findings")
    press(page, "Check everything")
    page.get_by_text("consents.agree").wait_for()
    wrong = look(page)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.get_by_role("navigation").count() == 0
    assert page.get_by_role("button", name="Check again").count() == 0
    assert page.get_by_text("for audrey, auditor").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert wrong == []


def test_a_wrong_filter_leads_to_what_is_to_be_corrected(console: ServedConsole, page: Page) -> None:
    console.sign_in(page.context, "audrey", Role.AUDITOR)
    page.goto(f"{console.origin}/staff/audit/history?subject=Jane&until=soon")
    assert page.evaluate("document.activeElement.className") == "wrong"
    wrong = look(page)
    page.get_by_role("link", name="whole pseudonym").click()
    assert page.evaluate("document.activeElement.id") == "subject"
    assert page.get_by_label("Person").input_value() == ""
    assert wrong == []
