"""What tests look at in a page: accessibility, themes, widths, a slow phone, a key."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import CDPSession, Page, ViewportSize

from tests.browser.pictures import WAY, pictures
from tests.browser.tongues import Tongue, spoken

Theme = Literal["light", "dark"]
THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
WIDE: Final[ViewportSize] = {"width": 1280, "height": 900}
NARROW: Final[ViewportSize] = {"width": 320, "height": 640}
DOUBLED: Final[ViewportSize] = {"width": 640, "height": 450}
"""A window of 1280 by 900 at 200 %: half as many CSS pixels each way (WCAG 2.2, 1.4.4 and 1.4.10)."""
SIZES: Final = (("wide", WIDE), ("narrow", NARROW), ("doubled", DOUBLED))
TIGHTEST: Final = SIZES[:2]
RULES: Final = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
_ENGLISH: Final = frozenset(
    re.findall(
        r"[a-z]+",
        "the of and to is are you your this that with we not it they from what who how was will for there have been "
        "but by at on out up all any when where these which can",
    )
)
"""Words that hardly a sentence is without, and that no Spanish sentence has."""
_TEXTS: Final = """language => {
    const others = 'bdi, .letter, [translate="no"], script, style, template, noscript';
    const ours = (one) => !one.closest(others) && one.closest("[lang]").lang === language && one.checkVisibility();
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) if (ours(walker.currentNode.parentElement)) found.push(walker.currentNode.data);
    for (const one of [...document.body.querySelectorAll("[aria-label], [alt], [title], [placeholder]")].filter(ours))
        for (const name of ["aria-label", "alt", "title", "placeholder"]) found.push(one.getAttribute(name) ?? "");
    const written = [...document.querySelectorAll("bdi")].map((one) => one.textContent);
    found.push(written.reduce((title, text) => title.replace(text, ""), document.title));
    return found.map((text) => text.replace(/https?:\\S+/, "").trim()).filter(Boolean);
}"""
_SLOW_4G: Final = {"offline": False, "latency": 562.5, "downloadThroughput": 180_000, "uploadThroughput": 84_375}
"""Chrome DevTools' preset "Slow 4G": 1.6 Mbit/s down and 750 kbit/s up, each less a tenth, 150 ms times 3.75."""


def looked_at(page: Page, name: str, said: Tongue) -> list[str]:
    """Return what is wrong with a page in any look; keep its pictures under a name of `WAY`, where asked for.

    A language other than English changes words and how long they are, no colours: it is looked at in the light.
    """
    assert name in WAY
    english = said.language == "en"
    wrong = [] if page.locator("html").get_attribute("lang") == said.language else [f"{name}: in another language"]
    wrong += [] if english else [f"{name}: English: {words}" for words in left_in_english(page, said)]
    for look in in_each_look(page, THEMES if english else THEMES[:1], SIZES if english else TIGHTEST):
        wrong += [f"{name}, {look}: {found}" for found in found_by_axe(page)]
        wrong += [f"{name}, {look}: must be scrolled sideways"] if overflows(page) else []
    pictures(page, name, said.language)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    return wrong


def found_by_axe(page: Page) -> list[str]:
    """Return what axe finds in a page: each rule with the elements that break it."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE_SCRIPT)
    violations: list[dict[str, Any]] = page.evaluate("options => axe.run(options)", RULES)["violations"]
    return [f"{one['id']}: {', '.join(node['target'][0] for node in one['nodes'])}" for one in violations]


def in_each_look(
    page: Page, themes: Sequence[Theme] = THEMES, sizes: Sequence[tuple[str, ViewportSize]] = SIZES
) -> Iterator[str]:
    """Show a page in these themes, in each on a wide screen, on a phone of 320 px and at 200 %, and say which."""
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        for name, size in sizes:
            page.set_viewport_size(size)
            yield f"{theme}-{name}"


def left_in_english(page: Page, said: Tongue) -> list[str]:
    """Return what is English on a page of another language.

    That is a message that has other words there, or a text with a word that only English has. Not looked at is what
    others wrote (`bdi`, letters), what is not to be translated, and what says by its `lang` that it is English.
    """
    words, texts = spoken(said.language), page.evaluate(_TEXTS, said.language)
    translated = {english for english, other in words.items() if english != other} - set(words.values())
    return [text for text in texts if text in translated or _ENGLISH & set(re.findall(r"[^\W\d_]+", text.lower()))]


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
