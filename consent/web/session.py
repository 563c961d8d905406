"""Flask's `session` on rows of the database; the cookie holds a random value and nothing else.

`here()` is the session of the request being answered: who is signed in, and what the pages remember.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final, cast

from flask import Flask, Request, Response, session
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

from consent.domain.hashing import Json
from consent.domain.terms import SubjectId
from consent.services.portal.sessions import BrowserSession, BrowserSessions, SessionKind

PORTAL_COOKIE: Final = "__Host-consentry"
SIGNING_COOKIE: Final = "__Host-consentry-sign"


class PageSession(CallbackDict[str, Any], SessionMixin):
    """What a browser is, and what its pages remember as a dictionary of JSON values."""

    def __init__(self, browser: BrowserSession, *, kept: bool) -> None:
        super().__init__(browser.state, lambda _: setattr(self, "modified", True))
        self.browser = browser
        self.modified = False
        self.new = not kept
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
        self.browser, self.new, self.modified, self.ended = browser, True, True, False


def here() -> PageSession:
    """Return the session of the request being answered."""
    return cast("PageSession", session._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  # werkzeug's documented way to what a proxy stands for


class RowSessions(SessionInterface):
    """Keeps sessions of these kinds under one cookie; `kinds` has the kind of those who bring none first."""

    def __init__(
        self, sessions: BrowserSessions, clock: Callable[[], datetime], cookie: str, kinds: Collection[SessionKind]
    ) -> None:
        self._sessions, self._clock, self._cookie, self._kinds = sessions, clock, cookie, tuple(kinds)

    def open_session(self, app: Flask, request: Request) -> PageSession:  # noqa: ARG002  # Flask's signature
        """Return the session of the request's cookie, or a new one that is kept once something is remembered."""
        now, token = self._clock(), request.cookies.get(self._cookie, "")
        found = self._sessions.find(token, now) if token else None
        if found is not None and found.kind in self._kinds:
            return PageSession(found, kept=True)
        return PageSession(self._sessions.begin(self._kinds[0], None, now), kept=False)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:  # noqa: ARG002  # Flask's signature
        """Store what changed, and hand out the cookie of a new session."""
        page = cast("PageSession", session)
        if page.ended:
            self._sessions.end(page.browser)
            response.delete_cookie(self._cookie, secure=True, httponly=True, samesite="Lax")
        elif page.modified:
            remembered: dict[str, Json] = dict(page)
            self._sessions.remember(page.browser, remembered, self._clock())
            if page.new:
                response.set_cookie(self._cookie, page.browser.token, secure=True, httponly=True, samesite="Lax")
