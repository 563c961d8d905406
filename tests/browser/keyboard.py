"""Somebody who uses pages with the keyboard alone."""

import re
from collections.abc import Callable
from typing import Any, Final

from playwright.sync_api import Page

Name = str | re.Pattern[str]
MOST: Final = 60
"""No page has so many places to tab to."""
FOCUSED: Final = """() => {
    const focused = document.activeElement;
    const option = focused.closest("label.option");
    const outline = getComputedStyle(option ?? focused);
    const place = focused.getBoundingClientRect();
    return {
        name: (focused.labels?.[0] ?? focused).innerText || focused.getAttribute("aria-label") || "",
        group: focused.closest("fieldset")?.querySelector("legend")?.innerText ?? "",
        tag: focused.tagName,
        main: Boolean(focused.closest("main")),
        shown: outline.outlineStyle !== "none" && parseFloat(outline.outlineWidth) >= 2,
        seen: place.bottom > 0 && place.top < innerHeight,
        top: place.top + scrollY,
        left: place.left,
    };
}"""


class Keyboard:
    """Somebody at a page with a keyboard, who sees where they are and never jumps about."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def to(self, name: Name) -> None:
        """Tab to what is called `name`, from where the focus is; each stop on the way is visible and further on."""
        self._tab(lambda focused: bool(re.search(name, focused["name"])), f"to {name!r}")

    def into(self, group: str) -> None:
        """Tab to the first stop of a group of answers."""
        self._tab(lambda focused: focused["group"].strip() == group, f"into {group!r}")

    def _tab(self, there: Callable[[dict[str, Any]], bool], whereto: str) -> None:
        before = (0.0, 0.0)
        for _ in range(MOST):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(FOCUSED)
            if focused["tag"] == "BODY":
                continue  # past the end: the browser's own bar
            assert focused["shown"], f"the focus cannot be seen on {focused['name']}"
            assert focused["seen"], f"{focused['name']} is out of sight"
            here = (focused["top"], focused["left"])
            if focused["main"]:
                assert here[0] >= before[0] - 30, (
                    f"the focus jumps up to {focused['name']}"
                )  # two of one line may differ
                before = here
            if there(focused):
                return
        raise AssertionError(f"nobody gets {whereto} with the keyboard")

    def press(self, name: Name) -> None:
        """Go to a link or a button and press it."""
        self.to(name)
        self.page.keyboard.press("Enter")

    def follow(self, name: Name, url: Name) -> None:
        """Press what leads to another page, and wait until that is there."""
        self.press(name)
        self.page.wait_for_url(url)

    def answers(self, words: Name) -> str:
        """Return the words of what has the focus now; it must be called `words`."""
        found: str = self.page.evaluate(FOCUSED)["name"]
        assert re.search(words, found), f"the focus is on {found!r}"
        return found
