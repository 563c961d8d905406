"""A newcomer makes a key in a real browser, and comes back with it, with a passphrase, or with the code on paper."""

from playwright.sync_api import Page

from tests.browser.hospital import Hospital, made_a_key
from tests.browser.looking import with_a_key


def came_in(page: Page, hospital: Hospital) -> None:
    """Skip what is asked after set-up."""
    page.get_by_role("button", name="Save and go on").click()
    page.wait_for_url(f"{hospital.portal}/")
    assert page.get_by_role("heading", name="No one can use your records").is_visible()


def test_a_newcomer_makes_a_key_with_a_touch_and_signs_in_with_it(hospital: Hospital, page: Page) -> None:
    with_a_key(page)
    subject, code = hospital.newcomer()
    made_a_key(page, hospital, code)
    came_in(page, hospital)
    with hospital.house.open.store.reading() as unit:
        hospital.house.open.book.follow(unit)
        assert {slot.kind for slot in unit.accounts.slots(subject)} == {"passkey", "recovery"}
    assert subject in hospital.house.open.book.enrolments
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Use your key").click()
    page.wait_for_url(f"{hospital.portal}/")
    assert page.get_by_role("heading", name="No one can use your records").is_visible()
