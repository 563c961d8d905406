"""The pages of one's own risk, looked at like every page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.hospital import Hospital, served
from tests.browser.looks import IN_BOTH, Look, press
from tests.browser.tongues import Tongue
from tests.services.house import House, Template
from tests.services.served import built

pytestmark = IN_BOTH


@pytest.fixture(scope="module")
def hospital(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """A hospital whose study tells people their own risk, each once an hour."""
    bedside = built(template, tmp_path_factory.mktemp("bedside") / "home")
    home = tmp_path_factory.mktemp("hospital") / "home"
    with House.copied(bedside, home) as house, served(house, CONSENTRY_PREDICTIONS_AN_HOUR="1") as found:
        house.follow()
        yield found


def test_pages_of_somebody_who_asks_for_their_own_risk(
    hospital: Hospital, page: Page, look: Look, said: Tongue
) -> None:  # fmt: skip
    hospital.sign_in(page.context, hospital.somebody())
    page.goto(f"{hospital.portal}/consents")
    page.locator("a.row").first.click()
    page.get_by_role("link", name=said.like("See your own risk")).click()
    page.get_by_role("heading", name=said("Before you ask")).wait_for()
    look("risk")
    asking = page.url
    press(page, said("Show me"))
    page.get_by_role("heading", name=said("What this is not")).wait_for()
    look("risk-answer")
    page.goto(asking)
    press(page, said("Show me"))
    page.get_by_role("alert").wait_for()
    look("risk-refused")
