"""Operators and auditors in a real browser: a passkey with a code, signing in, and deciding on studies."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page

from consent.services.desk.callers import Role
from tests.assertions import Signer
from tests.browser.desk import ServedDesk, served_desk
from tests.browser.looking import TIGHTEST, found_by_axe, in_each_look, overflows, with_a_key
from tests.browser.looks import HEARTS, SLEEP, press
from tests.services.desk.lives import value
from tests.services.house import House, Template

LAB = "uni-lab"
PURPOSE = HEARTS.data_use.to_json() | {
    "health_research": False,
    "diseases": ["MONDO:0005148"],
    "other": ["IRB: the hospital's own board looks at each change"],
}


@pytest.fixture
def desk(template: Template, tmp_path: Path) -> Iterator[ServedDesk]:
    """A hospital at whose desk a laboratory submitted two studies."""
    with House.copied(template, tmp_path / "home") as house, served_desk(house) as found:
        signer = Signer.drawn(LAB)
        found.room.clients.register(LAB, Role.RESEARCHER, "Laboratory for Kidneys and Hearts", signer.jwk)
        found.room.clients.add_key(LAB, Signer.drawn(LAB).jwk)
        found.room.clients.allow(LAB, "kidneys")
        named = {"title": HEARTS.reference.title, "institution": HEARTS.reference.institution}
        for study in (
            value("hearts", HEARTS, **named, data_use=PURPOSE),
            value("sleep", replace(SLEEP, translations=()), title=SLEEP.reference.title),
        ):
            found.room.drafts.write(LAB, study, house.clock())
            found.room.drafts.submit(LAB, str(study["id"]), house.clock())
        yield found


@pytest.fixture
def wrong() -> Iterator[list[str]]:
    """What was wrong anywhere; at the end nothing was."""
    found: list[str] = []
    yield found
    assert found == []


def look(page: Page, wrong: list[str]) -> None:
    """Look at a page in light and dark, on a phone of 320 px and on a wide screen."""
    for seen in in_each_look(page, sizes=TIGHTEST):
        wrong += [f"{page.url}, {seen}: {found}" for found in found_by_axe(page)]
        wrong += [f"{page.url}, {seen}: must be scrolled sideways"] if overflows(page) else []


def enrolled(page: Page, desk: ServedDesk, name: str, role: Role) -> None:
    """Make a passkey with a code, and sign in with it."""
    page.goto(f"{desk.origin}/staff/enrol")
    page.get_by_label("Your code").fill(desk.room.staff.invite(name, role))
    press(page, "Go on")
    press(page, "Make my passkey")
    page.get_by_text("The passkey is kept").wait_for()
    press(page, "Sign in with your passkey")
    page.get_by_role("heading", name="Studies").wait_for()


def test_an_operator_makes_a_passkey_signs_in_and_decides(desk: ServedDesk, page: Page, wrong: list[str]) -> None:
    with_a_key(page)
    page.goto(f"{desk.origin}/staff")
    look(page, wrong)
    page.get_by_role("link", name="Make your passkey").click()
    page.get_by_label("Your code").fill("7QF2-M0XK")
    press(page, "Go on")
    assert page.evaluate("document.activeElement.className") == "wrong"
    look(page, wrong)
    page.get_by_label("Your code").fill(desk.room.staff.invite("olga", Role.OPERATOR))
    press(page, "Go on")
    page.get_by_text("You are olga here").wait_for()
    look(page, wrong)
    press(page, "Make my passkey")
    page.get_by_text("The passkey is kept under the name olga").wait_for()
    press(page, "Sign in with your passkey")
    page.get_by_role("heading", name="Waits for your decision").wait_for()
    look(page, wrong)

    page.get_by_role("link", name="Hearts after a hospital stay").click()
    look(page, wrong)
    page.get_by_role("link", name="Approve").click()
    look(page, wrong)
    press(page, "Approve the study")
    page.get_by_role("alert").wait_for()
    look(page, wrong)
    page.get_by_label("Ethics reference").fill("EC 2026/114")
    page.get_by_label("Why it may be").fill("The board looks at changes anyway, whatever people permit.")
    press(page, "Approve the study")
    page.get_by_text("The study is approved").wait_for()
    look(page, wrong)
    assert desk.room.drafts.view("hearts").state.value == "approved"

    page.get_by_role("link", name="All studies").click()
    page.get_by_role("link", name="Sleep on the ward").click()
    page.get_by_role("link", name="Refuse").click()
    look(page, wrong)
    page.get_by_label("Why it is refused").fill("Say for how long you keep what you learn.")
    press(page, "Refuse the study")
    page.get_by_text("The study is refused").wait_for()
    look(page, wrong)
    page.get_by_role("link", name="All studies").click()
    page.get_by_text("Nothing waits").wait_for()
    look(page, wrong)
    page.get_by_role("link", name="Hearts after a hospital stay").click()
    page.get_by_role("link", name="Close the study").click()
    look(page, wrong)
    press(page, "Close the study")
    page.get_by_text("The study is closed").wait_for()


def test_an_operator_takes_a_token_and_revokes_a_key(desk: ServedDesk, page: Page, wrong: list[str]) -> None:
    with_a_key(page)
    enrolled(page, desk, "olga", Role.OPERATOR)
    page.get_by_role("link", name="API token").click()
    look(page, wrong)
    page.get_by_label("2 hours").check()
    press(page, "Take a token")
    token = page.locator("#token").inner_text()
    look(page, wrong)
    assert desk.room.tokens.caller(token).holder == "olga"
    page.get_by_role("link", name="Clients").click()
    look(page, wrong)
    page.get_by_role("link", name=re.compile("^Revoke the key")).first.click()
    look(page, wrong)
    press(page, "Revoke the key")
    page.get_by_text("The key is revoked").wait_for()
    look(page, wrong)
    page.get_by_role("link", name=re.compile("^Revoke the client")).click()
    look(page, wrong)
    press(page, "Revoke the client")
    page.get_by_text("The client is revoked").wait_for()
    look(page, wrong)
    press(page, "Sign out")
    page.get_by_text("You are signed out").wait_for()


def test_an_auditor_looks_and_a_passkey_that_is_not_theirs_lets_nobody_in(
    desk: ServedDesk, page: Page, elsewhere: Page, wrong: list[str]
) -> None:
    with_a_key(page)
    enrolled(page, desk, "audrey", Role.AUDITOR)
    page.get_by_role("link", name="Hearts after a hospital stay").click()
    page.get_by_text("What patients will read").wait_for()
    assert page.get_by_role("link", name="Approve").count() == 0
    look(page, wrong)
    page.goto(f"{desk.origin}/staff/clients")
    page.get_by_role("heading", name="This is not for you").wait_for()
    look(page, wrong)
    desk.room.staff.remove("audrey")
    page.goto(f"{desk.origin}/staff")
    press(page, "Sign in with your passkey")
    page.get_by_text("This does not let anybody in").wait_for()
    look(page, wrong)
    elsewhere.goto(f"{desk.origin}/staff/sign-in")
    elsewhere.get_by_role("heading", name="Sign in").wait_for()


def test_what_the_script_sends_is_the_passkeys_answer_and_no_more(desk: ServedDesk, page: Page) -> None:
    with_a_key(page)
    sent: list[object] = []
    page.on("request", lambda request: sent.append(request.post_data_json) if request.method == "POST" else None)
    enrolled(page, desk, "olga", Role.OPERATOR)
    answers = [one["credential"] for one in sent if isinstance(one, dict) and "credential" in one]
    assert [set(one) for one in answers] == [{"id", "rawId", "type", "response"}] * 2
    assert set(answers[0]["response"]) == {"clientDataJSON", "attestationObject"}
    assert set(answers[1]["response"]) == {"clientDataJSON", "authenticatorData", "signature", "userHandle"}
