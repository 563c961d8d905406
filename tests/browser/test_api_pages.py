"""The researchers' pages in a browser: for everybody, in each theme, and on a narrow phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.looking import found_by_axe, in_each_look, overflows
from tests.cli.door import served
from tests.services.house import House, Template


@pytest.fixture(scope="module")
def api(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a served API."""
    folder: Path = tmp_path_factory.mktemp("api")
    with House.copied(template, folder / "home") as house, served(house, folder / "terminal") as terminal:
        yield terminal.api


@pytest.mark.parametrize("at", ["/docs", "/problems", "/problems/budget-spent"])
def test_a_page_is_for_everybody_in_each_look(browser: Browser, api: str, at: str) -> None:
    page = browser.new_page()
    page.goto(f"{api}{at}")
    for look in in_each_look(page):
        assert found_by_axe(page) == [], look
        assert not overflows(page), look
    page.close()


def test_a_page_begins_with_what_it_is_about_on_a_phone_too(browser: Browser, api: str) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 640})
    page.goto(f"{api}/docs")
    heading = page.get_by_role("heading", level=1).bounding_box()
    assert heading is not None
    assert heading["y"] < 200
    page.close()
