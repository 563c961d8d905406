"""The staff's pages over a small hospital, without a browser: what a program on the other side can send.

office.somebody("olga", Role.OPERATOR)      a browser in which she signed in, with a passkey in software
office.submitted("kidneys-2")               a study that waits
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Flask
from werkzeug.test import Client, TestResponse

from consent import wiring
from consent.services.desk.callers import Role
from consent.services.desk.study_views import StudyView
from consent.settings import WebSettings
from consent.web.session import STAFF_COOKIE
from consent.web.staff import create_staff
from consent.web.staff.room import StaffRoom
from tests.assertions import Signer
from tests.authenticator import Authenticator
from tests.services.desk.lives import value
from tests.services.house import House

ORIGIN: Final = "http://api.localhost:8001"
HOST: Final = "api.localhost"
BASE: Final = "https://api.localhost:8001"
PAGE: Final = {"Accept": "text/html", "Referer": BASE}
WEB: Final = WebSettings("http://localhost:8000", "http://sign.localhost:8000")
CLIENT: Final = "uni-lab"


@dataclass(slots=True)
class Office:
    """The staff's pages of one house, and a client that writes studies."""

    house: House
    room: StaffRoom
    app: Flask
    signer: Signer = field(default_factory=lambda: Signer.drawn(CLIENT))

    def browser(self) -> "StaffBrowser":
        """Return a browser with nothing stored."""
        return StaffBrowser(self, Client(self.app))

    def invited(self, name: str, role: Role) -> str:
        """Return a code for somebody."""
        return self.room.staff.invite(name, role)

    def enrolled(self, name: str, role: Role) -> Authenticator:
        """Return the passkey that somebody made with a code."""
        browser, key = self.browser(), Authenticator(HOST, ORIGIN)
        assert browser.enrol(self.invited(name, role), key).status_code == 200
        return key

    def somebody(self, name: str, role: Role) -> "StaffBrowser":
        """Return a browser in which somebody new signed in."""
        key, browser = self.enrolled(name, role), self.browser()
        assert browser.sign_in(key).status_code == 200
        return browser

    def drafted(self, study: str, **changed: Any) -> StudyView:
        """Write a study as the client does."""
        return self.room.drafts.write(CLIENT, value(study, **changed), self.house.clock())

    def submitted(self, study: str, **changed: Any) -> StudyView:
        """Let the client submit a study."""
        self.drafted(study, **changed)
        return self.room.drafts.submit(CLIENT, study, self.house.clock())

    def state(self, study: str) -> str:
        """Return how far a study is."""
        return self.room.drafts.view(study).state.value

    def log_size(self) -> int:
        """Return how many entries the log has."""
        with self.house.open.store.reading() as unit:
            return unit.log.size()

    def log_end(self) -> str:
        """Return the newest entry as text."""
        with self.house.open.store.reading() as unit:
            [entry] = unit.log.entries(unit.log.size() - 1)
            return entry.body.decode()


@contextmanager
def served(house: House) -> Iterator[Office]:
    """Serve the staff's pages of a house in this process, with all their limits."""
    room = wiring.staff_room(house.open, WEB, house.clock)
    office = Office(house, room, create_staff(room))
    room.clients.register(CLIENT, Role.RESEARCHER, "Lab of a university", office.signer.jwk)
    yield office


@dataclass(slots=True)
class StaffBrowser:
    """A client that keeps its cookie, follows nothing by itself, and fills in a form's token."""

    office: Office
    client: Client

    @property
    def cookie(self) -> str:
        """What the cookie holds, "" where there is none."""
        found = self.client.get_cookie(STAFF_COOKIE, domain=HOST)
        return found.value if found else ""

    def carry(self, cookie: str) -> None:
        """Take up a cookie's value."""
        self.client.set_cookie(STAFF_COOKIE, cookie, domain=HOST, secure=True)

    def get(self, path: str) -> TestResponse:
        """Open a page."""
        return self.client.get(path, base_url=BASE, headers=PAGE)

    def text(self, path: str) -> str:
        """Return a page that is there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.status
        return answer.get_data(as_text=True)

    def post(self, path: str, page: str = "", **form: object) -> TestResponse:
        """Send a form of a page, with the token that stands on it."""
        sent = {"csrf_token": self.token(page or path), **form}
        return self.client.post(path, base_url=BASE, headers=PAGE, data=sent)

    def token(self, page: str) -> str:
        """Return the form token of a page."""
        found = re.search(r'name="csrf(?:_token)?" (?:value|content)="([^"]+)"', self.get(page).get_data(as_text=True))
        return found[1] if found else ""

    def send(self, path: str, sent: object, page: str = "/staff/sign-in") -> TestResponse:
        """Send JSON, as the script does."""
        headers = {"X-CSRFToken": self.token(page), "Referer": BASE}
        return self.client.post(path, base_url=BASE, json=sent, headers=headers)

    def asked(self, path: str = "/staff/sign-in/options") -> Mapping[str, Any]:
        """Return the options for a passkey."""
        options: Mapping[str, Any] = self.send(path, {}).get_json()
        return options

    def sign_in(self, key: Authenticator) -> TestResponse:
        """Sign in with a passkey."""
        return self.send("/staff/sign-in", {"credential": key.use(self.asked())})

    def enrol(self, code: str, key: Authenticator) -> TestResponse:
        """Make a passkey with a code."""
        self.post("/staff/enrol", code=code)
        made = key.create(self.asked("/staff/enrol/options"))
        return self.send("/staff/enrol/passkey", {"credential": made})
