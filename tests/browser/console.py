"""The auditors' pages of a house in a real browser: served in this process, so that they have the test's clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

from playwright.sync_api import BrowserContext
from werkzeug.serving import WSGIRequestHandler, make_server

from consent import wiring
from consent.services.desk.callers import Role
from consent.services.portal.sessions import SessionKind
from consent.settings import WebSettings
from consent.web.session import STAFF_COOKIE
from consent.web.staff import create_staff
from consent.web.staff.room import StaffRoom
from consent.web.turns import by_path
from tests.browser.hospital import free_port
from tests.services.house import House


@dataclass(frozen=True, slots=True)
class ServedConsole:
    """A house, and the origin of its staff's pages."""

    house: House
    room: StaffRoom

    @property
    def origin(self) -> str:
        """Where the pages are."""
        return self.room.origin

    def sign_in(self, context: BrowserContext, name: str, role: Role) -> None:
        """Sign a browser in as somebody new of the staff, without a passkey: what other tests do for real."""
        self.room.staff.invite(name, role)
        now = self.house.clock()
        session = self.room.sessions.begin(SessionKind.STAFF, None, now)
        self.room.sessions.remember(session, {"name": name}, now)
        cookie = {"name": STAFF_COOKIE, "value": session.token, "secure": True, "httpOnly": True, "path": "/"}
        page = context.pages[0] if context.pages else context.new_page()
        context.new_cdp_session(page).send("Network.setCookie", {"url": "https://api.localhost/", **cookie})


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # Werkzeug's name
        """Say nothing: what is wrong with an answer the test sees."""


@contextmanager
def served_console(house: House) -> Iterator[ServedConsole]:
    """Serve the staff's pages of a house."""
    port = free_port()
    room = wiring.staff_room(house.open, WebSettings.read(port - 1, {}), house.clock)
    served = by_path({"/staff": create_staff(room)}, lambda _environ, start: start("404 Not Found", []) and [])
    server = make_server("127.0.0.1", port, served, threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield ServedConsole(house, room)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
