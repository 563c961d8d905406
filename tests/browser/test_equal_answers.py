"""Saying no is as near, as large and as plain as saying yes, and no page answers for anybody."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import FloatRect, Locator, Page

from tests.browser.hospital import Hospital, made_a_key
from tests.browser.looking import NARROW, PHONE, WIDE, with_a_key

AS_IT_LOOKS = """element => {
    const look = getComputedStyle(element);
    return ["color", "backgroundColor", "borderColor", "fontSize", "fontWeight"].map((name) => look[name]);
}"""


def box(answer: Locator) -> FloatRect:
    """Return where an answer stands, in CSS pixels."""
    found = answer.bounding_box()
    assert found is not None
    return found


def is_as_near(page: Page, yes: str) -> None:
    """Look at both answers of a page on a narrow phone, a phone and a wide screen, before anybody touches any."""
    assert page.locator(":checked").count() == 0
    answers = page.locator(".choice").first
    one, no = (answers.locator("a, button").filter(has_text=words) for words in (yes, "Say no"))
    for size in (NARROW, PHONE, WIDE):
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        first, second = box(one), box(no)
        assert (first["width"], first["height"]) == pytest.approx((second["width"], second["height"]), abs=1)
        beside, below = second["x"] - first["x"] - first["width"], second["y"] - first["y"] - first["height"]
        stand_together = 0 <= beside < 20 and first["y"] == second["y"], 0 <= below < 20 and first["x"] == second["x"]
        assert any(stand_together)
        assert one.evaluate(AS_IT_LOOKS) == no.evaluate(AS_IT_LOOKS)


def on_the_way_to_a_yes(page: Page) -> Iterator[str]:
    """Go through the steps of a grant; on each page say how its yes is called."""
    yield "See and decide"
    page.get_by_role("link", name="See and decide").first.click()
    yield "Choose what to allow"
    page.get_by_role("link", name="Choose what to allow").click()
    yield "Go on"
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Go on").click()
    yield "Go on"
    for name in ("window", "end"):
        page.locator(f"[name={name}]").first.check()
    page.get_by_role("button", name="Go on").click()
    yield "Go on"
    for name, right in (("care", "no"), ("stop", "yes"), ("name", "no")):
        page.locator(f"[name={name}][value={right}]").check()
    page.get_by_role("button", name="Go on").click()
    yield "Allow"
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/sign")
    page.get_by_role("button", name="Allow").wait_for()
    yield "Allow"


def test_on_every_page_of_a_grant_no_is_as_near_as_yes(hospital: Hospital, page: Page) -> None:
    with_a_key(page)
    subject, code = hospital.newcomer()
    made_a_key(page, hospital, code)
    assert page.locator(":checked").count() == 0
    hospital.ask(subject)
    page.goto(f"{hospital.portal}/requests")
    for yes in on_the_way_to_a_yes(page):
        is_as_near(page, yes)


def test_a_no_on_the_last_page_is_a_no(hospital: Hospital, page: Page) -> None:
    with_a_key(page)
    subject, code = hospital.newcomer()
    made_a_key(page, hospital, code)
    hospital.ask(subject)
    page.goto(f"{hospital.portal}/requests")
    for _ in on_the_way_to_a_yes(page):
        pass
    page.get_by_role("button", name="Say no").click()
    page.wait_for_url(f"{hospital.portal}/requests")
    assert page.get_by_text(re.compile("No one asks")).is_visible()
    assert hospital.house.open.book.entries(subject) == ()


def test_stopping_and_going_on_are_as_near_too(hospital: Hospital, page: Page) -> None:
    subject = hospital.house.people[0]
    hospital.house.grant(subject)
    hospital.sign_in(page.context, subject)
    page.goto(f"{hospital.portal}/stop-everything")
    stop, keep = (box(page.locator(".choice").get_by_text(words)) for words in ("Stop sharing", "Keep sharing"))
    assert (stop["width"], stop["height"]) == (keep["width"], keep["height"])
