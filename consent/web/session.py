"""Flask's `session` on rows of the database; the cookie holds a random value and nothing else.

`here()` is the session of the request being answered: who is signed in, and what the pages remember. Of a visitor of
whom nothing is remembered there is no row, however many come: their cookie's value is followed by the time at which it
ends and by a MAC, and the token of its forms is another MAC.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, cast

from flask import Flask, Request, Response, g, session
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

from consent.domain.hashing import Json
from consent.domain.terms import SubjectId
from consent.services.portal.sessions import BrowserSession, BrowserSessions, SessionKind
from consent.web.turns import LARGEST

PORTAL_COOKIE: Final = "__Host-consentry"
SIGNING_COOKIE: Final = "__Host-consentry-sign"
STAFF_COOKIE: Final = "__Host-consentry-staff"
FORM_TOKEN: Final = "csrf_token"  # noqa: S105  # the name under which Flask-WTF looks for it
VISIT_SECONDS: Final = 12 * 3600
"""How long the pages of a visitor can be left open before their forms are too old."""

FORMS: Final[Mapping[str, object]] = {
    "MAX_CONTENT_LENGTH": LARGEST,
    "MAX_FORM_PARTS": 100,
    "WTF_CSRF_TIME_LIMIT": None,  # a token lives as long as its session
    "WTF_CSRF_SSL_STRICT": False,  # it asks for a Referer, which no page of ours sends
    "RATELIMIT_HEADERS_ENABLED": False,
}
"""How every application with sessions takes forms."""


class PageSession(CallbackDict[str, Any], SessionMixin):
    """What a browser is, and what its pages remember as a dictionary of JSON values."""

    def __init__(self, browser: BrowserSession, key: bytes, *, new: bool) -> None:
        super().__init__(browser.state, lambda _: setattr(self, "modified", True))
        self._key = key
        self.browser = browser
        self[FORM_TOKEN] = _mac(key, FORM_TOKEN, browser.token)
        self.modified = False
        self.new = new
        self.ended = False

    @property
    def kind(self) -> SessionKind:
        """What it may do."""
        return self.browser.kind

    @property
    def subject(self) -> SubjectId:
        """Who is signed in; only where somebody is."""
        if self.browser.subject is None:
            raise LookupError("nobody is signed in")
        return self.browser.subject

    def become(self, browser: BrowserSession) -> None:
        """Go on as another session, which remembers nothing of this one."""
        self.clear()
        self[FORM_TOKEN] = _mac(self._key, FORM_TOKEN, browser.token)
        self.browser, self.new, self.modified, self.ended = browser, True, True, False


def here() -> PageSession:
    """Return the session of the request being answered."""
    return cast("PageSession", session._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  # werkzeug's documented way to what a proxy stands for


class RowSessions(SessionInterface):
    """Keeps sessions of these kinds under one cookie; `kinds` has the kind of those who bring none first.

    `key` is 32 bytes for MACs, the same in each process.
    """

    def __init__(
        self, sessions: BrowserSessions, clock: Callable[[], datetime], key: bytes, cookie: str,
        kinds: Collection[SessionKind],
    ) -> None:  # fmt: skip
        self._sessions, self._clock, self._key, self._cookie = sessions, clock, key, cookie
        self._kinds = tuple(kinds)

    def open_session(self, app: Flask, request: Request) -> PageSession:  # noqa: ARG002  # Flask's signature
        """Return the session of the request's cookie, or a new one that is kept once something is remembered."""
        now, token = self._clock(), request.cookies.get(self._cookie, "")
        found = self._sessions.find(token, now) if token else None
        if found is not None and found.kind in self._kinds:
            return PageSession(found, self._key, new=False)
        visitor = self._sessions.begin(self._kinds[0], None, now)
        if self._is_visitors(token, now):
            return PageSession(replace(visitor, token=token), self._key, new=False)
        named = f"{visitor.token}.{int(now.timestamp()) + VISIT_SECONDS}"
        proven = f"{named}.{_mac(self._key, self._cookie, named)}"
        return PageSession(replace(visitor, token=proven), self._key, new=True)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:  # noqa: ARG002  # Flask's signature
        """Store what changed, and hand out the cookie of a new session once a form or a row needs it."""
        page = cast("PageSession", session)
        if page.ended:
            self._sessions.end(page.browser)
            response.delete_cookie(self._cookie, secure=True, httponly=True, samesite="Lax")
            return
        if page.modified:
            remembered: dict[str, Json] = {name: value for name, value in page.items() if name != FORM_TOKEN}
            self._sessions.remember(page.browser, remembered, self._clock())
        if page.new and (page.modified or FORM_TOKEN in g):
            response.set_cookie(self._cookie, page.browser.token, secure=True, httponly=True, samesite="Lax")

    def _is_visitors(self, token: str, now: datetime) -> bool:
        """Say whether a cookie without a row is one that was given out here, and lasts."""
        named, _, mac = token.rpartition(".")
        given_out = hmac.compare_digest(mac.encode(), _mac(self._key, self._cookie, named).encode())
        return given_out and int(now.timestamp()) < int(named.rpartition(".")[2])


def _mac(key: bytes, purpose: str, text: str) -> str:
    return hmac.new(key, f"{purpose}|{text}".encode(), hashlib.sha256).hexdigest()
