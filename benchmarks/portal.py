"""How soon an old phone shows Home and how much it loads, and how long twenty people at once wait for their pages."""

import http.client
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from benchmarks.activity import LINES, OTHERS, used_often
from benchmarks.figure import Figure
from consent.domain.study import Study
from consent.domain.terms import StudyReference, SubjectId, month_end_after
from consent.services.granting import Submission
from consent.services.portal.sessions import BrowserSessions, SessionKind
from consent.web.session import PORTAL_COOKIE
from tests.browser.chromium import launched
from tests.browser.hospital import Hospital, served
from tests.browser.looking import PHONE, slowed, weighed
from tests.services.house import STUDY, House, Template

CONSENTS: Final = 1_000
RUNNING: Final = 40
ENDED: Final = 360
"""The rest was stopped."""
WAITING: Final = 10
"""Studies that ask and have no answer yet."""
STUDIES: Final = tuple(
    replace(STUDY, reference=StudyReference(f"study-{n:03}", f"The year after, part {n}", "The Test Hospital"))
    for n in range(RUNNING + WAITING)
)
CLIENTS: Final = 20
REQUESTS: Final = 100
"""Of each client, of each page, after the first few."""
_WARM: Final = 5
_BATCH: Final = 250
_USABLE: Final = """() => Math.max(
    performance.getEntriesByType("navigation")[0].loadEventEnd,
    performance.getEntriesByName("first-contentful-paint")[0].startTime)"""
"""In milliseconds: there is no script to wait for."""
_LOADS: Final = 5


def measure() -> Iterator[Figure]:
    """Yield what an old phone waits for and loads, and what the slowest of twenty requests takes."""
    with tempfile.TemporaryDirectory() as folder:
        template = Template.built(Path(folder) / "template", people=range(2))
        with House.copied(template, Path(folder) / "home") as house:
            subject = with_many_consents(house)
            with served(house, CONSENTRY_MAX_STALENESS="86400") as hospital:
                yield from _on_an_old_phone(hospital, subject)
                consents = f"{CONSENTS:,} consents"
                for page, path in (("home", "/"), ("consents", "/consents")):
                    yield _at_once(hospital, subject, page, path, consents)
                lines = f"{LINES:,} lines among {OTHERS:,} of others"
                pages = used_often(house, subject, STUDIES[0].reference.id)
                for page, path in pages.items():
                    yield _at_once(hospital, subject, page, path, lines)
                yield _at_once(hospital, subject, "activity_rarest_alone", pages["activity_rarest"], lines, clients=1)


def with_many_consents(house: House) -> SubjectId:
    """Let somebody allow a thousand things over two years: most ended or were stopped; return who it is."""
    subject, now = house.people[0], house.clock()
    for study in STUDIES:
        house.open.registration.approve(study, now)
    for first in range(0, CONSENTS - RUNNING, _BATCH):
        house.clock.ahead = timedelta(days=-700)
        _allow(house, subject, range(first, min(first + _BATCH, CONSENTS - RUNNING)), months=12)
    entries = house.open.book.entries(subject)
    house.open.granting.stop(subject, [entry.id for entry in entries[ENDED:]], house.clock())
    house.clock.ahead = timedelta()
    _allow(house, subject, range(RUNNING), months=12)
    house.open.preferences.prefer([subject], house.clock(), counted=True)
    house.publish()
    assert len(house.open.book.entries(subject)) == CONSENTS
    return subject


def _allow(house: House, subject: SubjectId, numbers: range, months: int) -> None:
    expires = month_end_after(house.clock(), months)
    studies = [STUDIES[number % len(STUDIES)] for number in numbers]
    house.open.granting.accept([_signed(house, subject, study, expires) for study in studies], house.clock())


def _signed(house: House, subject: SubjectId, study: Study, expires: datetime) -> Submission:
    return house.signed(subject, study=study.reference, text_hash=study.text_hash, expires=expires)


def _on_an_old_phone(hospital: Hospital, subject: SubjectId) -> Iterator[Figure]:
    with sync_playwright() as playwright:
        browser = launched(playwright.chromium)
        loads = [_loaded(browser, hospital, subject) for _ in range(_LOADS)]
        yield Figure(
            "portal.home_usable_seconds",
            round(median(seconds for seconds, _ in loads), 2),
            "s",
            "goal 3",
            f"Home of {CONSENTS:,} consents, painted and loaded: six-fold CPU slow-down, slow 4G, nothing cached; "
            f"median of {_LOADS}",
        )
        yield Figure("portal.home_bytes", loads[0][1], "bytes", "goal 150,000", "all that came over the line for it")
        yield Figure(
            "portal.sign_bytes",
            _signing(browser, hospital),
            "bytes",
            "-",
            "all that came over the line for the page on which people sign in, the wallet's script among it",
        )
        browser.close()


def _loaded(browser: Browser, hospital: Hospital, subject: SubjectId) -> tuple[float, int]:
    """Return the seconds until Home stood there with its way out, and the bytes that came."""
    context = browser.new_context(viewport={"width": PHONE["width"], "height": PHONE["height"]})
    hospital.sign_in(context, subject)
    page = context.pages[0]
    came = weighed(page)
    slowed(page)
    page.goto(hospital.portal, wait_until="load", timeout=60_000)
    page.get_by_role("link", name="Stop everything").click(trial=True)
    seconds = page.evaluate(_USABLE) / 1000
    assert page.locator("article").count() > 1
    context.close()
    return seconds, sum(came)


def _signing(browser: Browser, hospital: Hospital) -> int:
    """Return the bytes that came for the page of the signing origin on which people sign in."""
    page = browser.new_context().new_page()
    page.goto(hospital.portal)
    came = weighed(page)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Use your recovery code").wait_for()
    page.context.close()
    return sum(came)


def _at_once(hospital: Hospital, subject: SubjectId, page: str, path: str, of: str, clients: int = CLIENTS) -> Figure:
    with ThreadPoolExecutor(clients) as pool:
        taken = [one for times in pool.map(lambda _: _client(hospital, subject, path), range(clients)) for one in times]
    return Figure(
        f"portal.p95_ms.{page}",
        round(quantiles(taken, n=20)[-1] * 1000),
        "ms",
        "goal 150",
        f"{path} of {of}: {clients} clients at once, {len(taken):,} requests; they share two cores",
    )


def _client(hospital: Hospital, subject: SubjectId, path: str) -> list[float]:
    """Return the seconds of each request of one browser that asks again as soon as it is answered."""
    sessions, now = BrowserSessions(hospital.house.open.store), hospital.house.clock()
    session = sessions.begin(SessionKind.PATIENT, subject, now)
    sessions.keep(session, now)
    host = hospital.portal.removeprefix("http://")
    headers = {"Host": host, "Cookie": f"{PORTAL_COOKIE}={session.token}", "Accept": "text/html"}
    line = http.client.HTTPConnection("127.0.0.1", hospital.port, timeout=60)
    taken = []
    for _ in range(_WARM + REQUESTS):
        start = time.perf_counter()
        line.request("GET", path, headers=headers)
        answer = line.getresponse()
        body = answer.read()
        taken.append(time.perf_counter() - start)
        assert answer.status == HTTPStatus.OK
        assert b"<main" in body
    line.close()
    return taken[_WARM:]
