"""Fixtures of tests in a real browser. Each test has a browser of its own, which may speak to this machine alone."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from tests.browser.chromium import WITHOUT, NoChromiumError, launched
from tests.browser.hospital import Hospital, served
from tests.browser.keyboard import Keyboard
from tests.browser.looking import PHONE, WIDE, looked_at
from tests.browser.looks import Look
from tests.browser.tongues import ENGLISH, LOCALES, Tongue
from tests.services.house import House, Template


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let all that is skipped for want of a Chromium be skipped here, and so be one line of the summary."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and WITHOUT in report.longrepr[2]:
        report.longrepr = (__file__, 1, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium; without one the tests are skipped, and say which package is missing."""
    with sync_playwright() as playwright:
        try:
            found = launched(playwright.chromium)
        except NoChromiumError as error:
            pytest.skip(str(error))
        yield found
        found.close()


@pytest.fixture(scope="module")
def hospital(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """A small hospital with its portal, for the tests of one file."""
    home = tmp_path_factory.mktemp("hospital") / "home"
    with House.copied(template, home) as house, served(house) as open_hospital:
        yield open_hospital


@dataclass(slots=True)
class Seen:
    """What a browser did: every request with its body, and what went wrong in a page."""

    requests: list[Request] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def sent(self) -> str:
        """Return all that left the browser, as one text."""
        return "\n".join(f"{one.url} {one.headers} {one.post_data or ''}" for one in self.requests)


def watched(context: BrowserContext) -> Seen:
    """Watch a browser."""
    seen = Seen()
    context.on("request", lambda request: seen.requests.append(request))  # noqa: PLW0108  # Playwright marks functions
    context.on("weberror", lambda error: seen.faults.append(str(error.error)))
    context.on(
        "console",
        lambda message: seen.faults.append(message.text) if "Content Security Policy" in message.text else None,
    )
    return seen


def is_here(url: str) -> bool:
    """Say whether an address is of this machine."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "127.0.0.1"} or host.endswith(".localhost") or url.startswith(("data:", "blob:"))


@contextmanager
def opened(browser: Browser, locale: str = LOCALES["en"]) -> Iterator[BrowserContext]:
    """Open a browser that prefers a language, and watch it."""
    own = browser.new_context(viewport=PHONE, locale=locale)
    seen = watched(own)
    own.seen = seen  # type: ignore[attr-defined]  # for the fixture below
    own.set_default_timeout(15_000)
    yield own
    own.close()
    assert [one.url for one in seen.requests if not is_here(one.url)] == []
    assert seen.faults == []


@pytest.fixture
def seen(context: BrowserContext) -> Seen:
    """What the test's browser did."""
    found: Seen = context.seen  # type: ignore[attr-defined]  # put there above
    return found


@pytest.fixture
def said(request: pytest.FixtureRequest) -> Tongue:
    """What pages are read in: English, where a file of tests says nothing else."""
    found: Tongue = getattr(request, "param", ENGLISH)
    return found


@pytest.fixture
def context(browser: Browser, said: Tongue) -> Iterator[BrowserContext]:
    """A browser of its own, with nothing stored; at the end it spoke to nobody else and nothing broke in a page."""
    with opened(browser, LOCALES[said.language]) as own:
        yield own


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[Page]:
    """A page of another browser, with nothing stored and no authenticator."""
    with opened(browser) as own:
        yield own.new_page()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of the test's browser."""
    return context.new_page()


@pytest.fixture
def keyboard(page: Page) -> Keyboard:
    """Somebody at the page on a wide screen, with a keyboard alone."""
    page.set_viewport_size(WIDE)
    return Keyboard(page)


@pytest.fixture
def look(page: Page, said: Tongue) -> Iterator[Look]:
    """Look at the page as it is now, under a name; at the end nothing was wrong anywhere."""
    wrong: list[str] = []
    page.emulate_media(reduced_motion="reduce")  # a colour on its way to another is neither
    yield lambda name: wrong.extend(looked_at(page, name, said))
    assert wrong == []


@pytest.fixture
def letters(hospital: Hospital) -> Path:
    """The folder of what was mailed."""
    return hospital.house.open.places.home / "mail"
