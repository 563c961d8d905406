"""What comes over the line for a page: an old phone on a bad line must bear it. How long it takes, benchmarks tell."""

from playwright.sync_api import Page

from tests.browser.hospital import Hospital
from tests.browser.looking import weighed

MOST = 150_000
"""Bytes of a page with all that belongs to it, headers included."""
STUDIES_AT_HOME = 20


def test_home_is_light_with_as_many_studies_as_it_shows(hospital: Hospital, page: Page) -> None:
    house, subject = hospital.house, hospital.house.people[0]
    for _ in range(STUDIES_AT_HOME):
        house.grant(subject)
    house.publish()
    hospital.sign_in(page.context, subject)
    came = weighed(page)
    page.goto(hospital.portal, wait_until="networkidle")
    assert page.get_by_role("article").count() == STUDIES_AT_HOME
    assert 0 < sum(came) < MOST


def test_the_page_with_the_wallets_script_is_light(hospital: Hospital, page: Page) -> None:
    page.goto(hospital.portal)
    came = weighed(page)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Use your recovery code").wait_for()
    page.wait_for_load_state("networkidle")  # the button stands there before the script has come
    assert page.url.startswith(hospital.signing)
    assert 60_000 < sum(came) < MOST, "the script is part of it"
