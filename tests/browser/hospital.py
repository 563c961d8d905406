"""A portal in tests: a small hospital whose ledger the test runs, and the real server beside it."""

import base64
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Final

from playwright.sync_api import BrowserContext, Page

from consent import wiring
from consent.domain.hashing import canonical_json
from consent.domain.receipt import Receipt
from consent.domain.terms import SubjectId
from consent.services.portal.sessions import BrowserSessions, SessionKind
from consent.settings import WebSettings
from consent.web.room import PortalRoom
from consent.web.session import PORTAL_COOKIE
from tests.browser.tongues import ENGLISH, Tongue
from tests.services.house import PASSPHRASE, House, receive

TELEPHONE: Final = "020 7946 0123"
"""Of the numbers that Ofcom keeps for stories."""
_PATIENCE: Final = 60


@dataclass(slots=True)
class Hospital:
    """A house, and its portal on a port of this machine; `output` is the file of all that its processes say."""

    house: House
    port: int
    server: subprocess.Popen[bytes]
    output: Path
    newcomers: list[SubjectId] = field(default_factory=list)
    called: int = 0

    @property
    def portal(self) -> str:
        """The portal's origin."""
        return f"http://localhost:{self.port}"

    @property
    def signing(self) -> str:
        """The signing origin."""
        return f"http://sign.localhost:{self.port}"

    def newcomer(self) -> tuple[SubjectId, str]:
        """Import somebody new; return who it is and the code that they get on paper."""
        number = 1000 + len(self.newcomers)
        [subject] = receive(self.house.open, number)
        self.newcomers.append(subject)
        return subject, self.invite(subject)

    def invite(self, subject: SubjectId) -> str:
        """Return a code on paper for somebody who has no key."""
        enrolling = wiring.enrolling(self.house.open, WebSettings.read(self.port, {}))
        return enrolling.invite(subject, datetime.now(UTC))

    def somebody(self) -> SubjectId:
        """Return somebody of the house whom no test had before."""
        self.called += 1
        return self.house.people[self.called - 1]

    def ask(self, *subjects: SubjectId) -> None:
        """Let these people be asked."""
        self.house.open.preferences.prefer(subjects, datetime.now(UTC), counted=True)

    def receipts(self, subject: SubjectId) -> list[Receipt]:
        """Return somebody's receipts, the newest first."""
        kept, _older = self._room().receipts.page(subject, None, 100)
        return [one.receipt for one in kept]

    def check_address(self, receipt: Receipt) -> str:
        """Return what a receipt's square holds."""
        held = base64.urlsafe_b64encode(canonical_json(receipt.to_json())).decode().rstrip("=")
        return f"{self.portal}/check#{held}"

    def _room(self) -> PortalRoom:
        return wiring.portal_room(self.house.open, WebSettings.read(self.port, {}), 120, self.house.clock)

    def sign_in(self, context: BrowserContext, subject: SubjectId, kind: SessionKind = SessionKind.PATIENT) -> None:
        """Sign a browser in without its key: what tests of signing in do for real."""
        sessions, now = BrowserSessions(self.house.open.store), datetime.now(UTC)
        session = sessions.begin(kind, subject, now)
        sessions.keep(session, now)
        cookie = {"name": PORTAL_COOKIE, "value": session.token, "secure": True, "httpOnly": True, "path": "/"}
        # Playwright's own way names a domain, which no cookie of this prefix may have. Cookies know no ports.
        page = context.pages[0] if context.pages else context.new_page()
        context.new_cdp_session(page).send("Network.setCookie", {"url": "https://localhost/", **cookie})


@contextmanager
def served(house: House, **settings: str) -> Iterator[Hospital]:
    """Serve a house's portal, in processes of its own."""
    port = free_port()
    home = house.open.places.home
    passphrase = home / "test-passphrase"
    passphrase.write_bytes(PASSPHRASE)
    replicas = ":".join(map(str, house.settings.replicas))
    environment = os.environ | {
        "CONSENTRY_PASSPHRASE_FILE": str(passphrase),
        "CONSENTRY_REPLICAS": replicas,
        "CONSENTRY_TELEPHONE": TELEPHONE,
        "CONSENTRY_PUBLICATION_WINDOW": "0",
        **settings,
    }
    command = [sys.executable, "-m", "consent.cli", "web", str(home), "--port", str(port)]
    output = home.with_name(f"{home.name}-output")
    with output.open("wb") as said:
        server = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
    try:
        _wait(port, server)
        yield Hospital(house, port, server, output)
    finally:
        server.terminate()
        server.wait(_PATIENCE)
        sys.stderr.write(output.read_text())


def free_port() -> int:
    """Return a port that is free, from those that no other program's connection takes by itself meanwhile."""
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(_PATIENCE * 10):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5)
        except (OSError, HTTPException):
            assert server.poll() is None, "the server ended"
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not answer")


def made_a_key(page: Page, hospital: Hospital, code: str, passphrase: str = "", said: Tongue = ENGLISH) -> str:
    """Enrol with a code, as a patient does; return the recovery code."""
    page.goto(f"{hospital.portal}/start#{code}")
    page.get_by_role("button", name=said("Go on")).click()
    page.get_by_role("button", name=said("Make my key")).click()
    page.wait_for_url(f"{hospital.signing}/**")
    page.locator("[data-step]:not([hidden])").wait_for()
    chosen_key(page, passphrase, said)
    code = typed_back(page, said)
    page.wait_for_url(f"{hospital.portal}/**")
    return code


def chosen_key(page: Page, passphrase: str = "", said: Tongue = ENGLISH) -> None:
    """Make a key with a touch, or with a passphrase where one is given."""
    new = page.locator("#passphrase-new")
    if new.is_hidden():  # so it begins where no passkey is known
        page.get_by_role("button", name=said("Make my key")).click()
    if passphrase:
        new.fill(passphrase)
        page.get_by_label(said("The same passphrase again")).fill(passphrase)
        page.locator("#passphrase-form").get_by_role("button").click()


def typed_back(page: Page, said: Tongue = ENGLISH) -> str:
    """Go through a new recovery code; return it."""
    page.get_by_role("button", name=said("I have it on paper")).wait_for()
    groups = page.locator("#new-code li").all_inner_texts()
    page.get_by_role("button", name=said("I have it on paper")).click()
    for question in (0, 1):
        asked = re.search(r"\d", page.locator(f"#group-{question}-label").inner_text())
        assert asked is not None
        page.locator(f"#group-{question}").fill(groups[int(asked[0]) - 1])
    page.locator("#check-form").get_by_role("button", name=said("Go on")).click()
    return "-".join(groups)
