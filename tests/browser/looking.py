"""What tests look at in a page: accessibility, themes, widths, a slow phone, a key."""

from collections.abc import Iterator
from typing import Any, Final

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import CDPSession, Page

from tests.browser.pictures import WAY, pictures

THEMES: Final = ("light", "dark")
PHONE: Final = {"width": 390, "height": 844}
WIDE: Final = {"width": 1280, "height": 900}
NARROW: Final = {"width": 320, "height": 640}
DOUBLED: Final = {"width": 640, "height": 450}
"""A window of 1280 by 900 at 200 %: half as many CSS pixels each way (WCAG 2.2, 1.4.4 and 1.4.10)."""
RULES: Final = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
_SLOW_4G: Final = {"offline": False, "latency": 562.5, "downloadThroughput": 180_000, "uploadThroughput": 84_375}
"""Chrome DevTools' preset "Slow 4G": 1.6 Mbit/s down and 750 kbit/s up, each less a tenth, 150 ms times 3.75."""


def looked_at(page: Page, name: str) -> list[str]:
    """Return what is wrong with a page in any look; keep its pictures under a name of `WAY`, where asked for."""
    assert name in WAY
    wrong = []
    for look in in_each_look(page):
        wrong += [f"{name}, {look}: {found}" for found in found_by_axe(page)]
        wrong += [f"{name}, {look}: must be scrolled sideways"] if overflows(page) else []
    pictures(page, name)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    return wrong


def found_by_axe(page: Page) -> list[str]:
    """Return what axe finds in a page: each rule with the elements that break it."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE_SCRIPT)
    violations: list[dict[str, Any]] = page.evaluate("options => axe.run(options)", RULES)["violations"]
    return [f"{one['id']}: {', '.join(node['target'][0] for node in one['nodes'])}" for one in violations]


def in_each_look(page: Page) -> Iterator[str]:
    """Show a page in both themes, then on a phone of 320 px and at 200 %, and say which."""
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        for name, size in (("wide", WIDE), ("narrow", NARROW), ("doubled", DOUBLED)):
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            yield f"{theme}-{name}"


def overflows(page: Page) -> bool:
    """Say whether a page must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def with_a_key(page: Page, *, prf: bool = True) -> CDPSession:
    """Give a page's browser an authenticator that answers each touch by itself."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
        "hasPrf": prf,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session


def slowed(page: Page) -> None:
    """Make a page's browser an old phone on a bad line: a sixth of the speed, slow 4G, nothing cached."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.send("Network.emulateNetworkConditions", _SLOW_4G)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 6})


def weighed(page: Page) -> list[int]:
    """Return a list that takes the bytes of each answer from now on, its headers among them."""
    came: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: came.append(int(event["encodedDataLength"])))
    return came
