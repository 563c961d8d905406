"""Activity in a real browser: each use is there at once, one line, and what looks wrong is asked and answered."""

import re
import time
from datetime import UTC, datetime
from typing import Final

from playwright.sync_api import Page

from consent import wiring
from consent.domain.terms import SubjectId
from tests.browser.hospital import Hospital
from tests.services.house import DICTIONARY
from vault import Access

ACCESS: Final = Access("study:kidneys", "kidneys", "train", DICTIONARY.required, DICTIONARY.optional)
WITHIN: Final = 5
"""Seconds after which an access must be on the page."""


def used(hospital: Hospital, *subjects: SubjectId) -> float:
    """Let the study read people's records, in this process; return when the vault began."""
    began = time.monotonic()
    with hospital.house.open.store.reading() as unit:
        gate = hospital.house.gate()
        assert len(list(hospital.house.open.vault.read(unit.connection, gate, ACCESS, subjects))) == len(subjects)
    return began


def test_each_use_is_one_line_within_seconds(hospital: Hospital, page: Page) -> None:
    subject, other = hospital.house.people[:2]
    hospital.house.grant(subject, other)
    hospital.house.publish()
    hospital.sign_in(page.context, subject)
    lines = page.get_by_role("link", name=re.compile("Your records were used"))
    for uses in (1, 2, 3):
        began = used(hospital, subject, other)
        page.goto(f"{hospital.portal}/activity")
        assert lines.count() == uses
        assert time.monotonic() - began < WITHIN
    lines.first.click()
    page.get_by_role("heading", name="Your records were used").wait_for()
    for told in ("Kidneys", "Age and sex", "Teach a computer to see risks"):
        assert page.get_by_text(told).first.is_visible(), told
    page.get_by_role("link", name="See what you allowed").click()
    page.get_by_role("heading", name="What you allowed").wait_for()


def test_what_looks_wrong_is_asked_with_a_number_and_answered(hospital: Hospital, page: Page) -> None:
    subject = hospital.house.people[2]
    hospital.house.grant(subject)
    hospital.house.publish()
    used(hospital, subject)
    hospital.sign_in(page.context, subject)
    page.goto(f"{hospital.portal}/activity?show=uses")
    page.get_by_role("link", name=re.compile("Your records were used")).click()
    page.locator("summary", has_text="This looks wrong").click()
    page.get_by_label("What looks wrong?").fill("Why on a Sunday? <b>Tell me</b>")
    page.get_by_role("button", name="Ask the hospital").click()
    said = page.get_by_role("status").inner_text()
    number = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", said)
    assert number is not None, said
    assert page.get_by_text("Why on a Sunday? <b>Tell me</b>").is_visible()
    wiring.reporting(hospital.house.open).answer(number[0], "Trainings run at night.", datetime.now(UTC))
    page.goto(f"{hospital.portal}/activity")
    page.get_by_role("link", name=re.compile("Your records were used.*Answered", re.DOTALL)).click()
    assert page.get_by_text("Trainings run at night.").is_visible()
    assert page.get_by_role("button", name="Ask the hospital").count() == 0


def test_the_lines_can_be_filtered_and_turned_over_without_a_script(hospital: Hospital, page: Page) -> None:
    subject = hospital.house.people[3]
    for counted in (True, False) * 20:
        hospital.house.open.preferences.prefer([subject], datetime.now(UTC), counted=counted)
    page.route("**/*.js*", lambda route: route.abort())
    hospital.sign_in(page.context, subject)
    page.goto(f"{hospital.portal}/activity")
    page.get_by_role("link", name="By you").click()
    seen = page.locator("a.line").count()
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**before=**")
    seen += page.locator("a.line").count()
    assert seen >= 40
    page.get_by_role("link", name="Newest").click()
    page.get_by_role("link", name="By the hospital").click()
    page.get_by_role("link", name=re.compile("New records came in")).first.wait_for()
    page.get_by_role("link", name="Refused").click()
    page.get_by_text("There is nothing to show here.").wait_for()
