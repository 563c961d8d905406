"""The pages of what is one's own, with the keyboard alone, in both languages."""

import re
from typing import Final

import pytest
from playwright.sync_api import Page

from tests.browser.hospital import Hospital, made_a_key
from tests.browser.keyboard import Keyboard
from tests.browser.looking import with_a_key
from tests.browser.looks import IN_BOTH, allow
from tests.browser.tongues import Tongue
from tests.browser.walking import came_in
from tests.services.house import STUDY
from tests.services.portal.patients import Portal, slot

pytestmark = IN_BOTH
MONEY: Final = "To make money"


@pytest.fixture
def home(hospital: Hospital, page: Page) -> str:
    """Somebody who allowed a study and stopped it is at their Home; the portal's address."""
    subject = hospital.somebody()
    allow(hospital, subject, STUDY)
    hospital.house.stop(subject)
    hospital.sign_in(page.context, subject)
    page.goto(hospital.portal)
    return hospital.portal


def test_somebody_opens_a_record(home: str, page: Page, keyboard: Keyboard, said: Tongue) -> None:
    keyboard.follow(said("Records"), f"{home}/records")
    keyboard.follow(said("Lab results"), f"{home}/records/laboratory")
    keyboard.follow("mg.dL", f"{home}/records/laboratory/**")
    keyboard.press(said("Technical details"))
    page.locator("pre").first.wait_for()
    keyboard.to("resourceType")  # what is long can be scrolled


def test_somebody_finds_a_line_and_says_that_it_looks_wrong(
    home: str, page: Page, keyboard: Keyboard, said: Tongue
) -> None:
    keyboard.follow(said("Activity"), f"{home}/activity")
    keyboard.follow(said("By you"), "**show=mine")
    keyboard.follow(said("Sharing was stopped"), re.compile(r"/activity/\d+$"))
    keyboard.press(said("This looks wrong"))
    keyboard.to(re.escape(said("What looks wrong? You can leave this empty.")))
    page.keyboard.type("?")
    keyboard.press(said("Ask the hospital"))
    page.get_by_role("status").wait_for()
    page.get_by_role("heading", name=said("You said that this looks wrong")).wait_for()


def test_somebody_opens_a_receipt_and_could_print_it(home: str, page: Page, keyboard: Keyboard, said: Tongue) -> None:
    keyboard.follow(said("You"), f"{home}/you")
    keyboard.follow(said("Receipts"), f"{home}/receipts")
    keyboard.follow(said("You allowed a study"), re.compile(r"/receipts/\d+$"))
    for name in ("Print", "Get the file", "Get the proof", "Technical details"):
        keyboard.to(said(name))


def test_somebody_says_what_never_to_ask(home: str, page: Page, keyboard: Keyboard, said: Tongue) -> None:
    keyboard.follow(said("You"), f"{home}/you")
    keyboard.follow(said("What you like to be asked"), f"{home}/wishes")
    keyboard.into(said(MONEY))
    page.keyboard.press("ArrowRight")
    keyboard.press(f"^{said('Save')}$")
    page.get_by_text(said("Saved. It counts from now on.")).wait_for()
    never = page.get_by_role("group", name=said(MONEY)).get_by_label(said("Never ask"))
    assert never.is_checked()
    assert page.get_by_label(said("Never ask")).and_(page.locator(":checked")).count() == 1


def test_somebody_takes_a_way_in_away_and_signs_out_everywhere(
    hospital: Hospital, page: Page, keyboard: Keyboard, said: Tongue
) -> None:
    portal = Portal.of(hospital.house)
    wallet = portal.newcomer({"en": 901, "es": 902}[said.language])
    portal.enrolled(wallet)
    portal.room.enrolling.keep(wallet.subject, [slot("passkey")], hospital.house.clock())
    hospital.sign_in(page.context, wallet.subject)
    page.goto(hospital.portal)
    keyboard.follow(said("You"), "**/you")
    keyboard.follow(said("Keys and devices"), "**/keys")
    keyboard.follow(said.like("Remove", "A key on a device"), re.compile(r"/keys/[0-9a-f]+/remove$"))
    keyboard.press(f"^{said('Remove')}$")
    page.get_by_role("status").wait_for()
    assert [way.kind for way in portal.room.own_keys.ways(wallet.subject)] == ["passphrase", "recovery"]
    keyboard.follow(said("Sign out everywhere"), f"{hospital.portal}/")
    page.get_by_role("button", name=said("Sign in")).wait_for()


def test_somebody_goes_as_far_as_signing_that_they_are_erased(
    hospital: Hospital, page: Page, keyboard: Keyboard, said: Tongue
) -> None:
    with_a_key(page)
    _subject, code = hospital.newcomer()
    made_a_key(page, hospital, code, said=said)
    came_in(page, hospital, said=said)
    keyboard.follow(said("You"), "**/you")
    keyboard.follow(said("Erase my records"), "**/erase")
    keyboard.follow(said("Go on to erase"), f"{hospital.signing}/request")
    page.locator("#act").wait_for()
    keyboard.to(said("Erase my records for good"))
    keyboard.follow(said("Go back"), f"{hospital.portal}/**")
