"""Who may see a page: the session's kind decides, and a page that asks nobody in shows nothing of anybody."""

from typing import Final

from flask import Flask, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from consent.domain.terms import SubjectId
from consent.services.portal.sessions import SessionKind
from consent.web.room import PortalRoom
from consent.web.session import here

WHILE_ERASED: Final = frozenset(
    {"static", "doors.sign_out", "erasing.standing", "erasing.receipt", "receipts.ask", "receipts.checks.check"}
)
"""What somebody whose erasure is under way can still open: how far it is, what checks its receipt, and the way out."""


def signed_in(*kinds: SessionKind) -> SubjectId:
    """Return who is signed in under one of these kinds; anybody else is led to the welcome page, or refused."""
    page = here()
    if page.kind in kinds:
        return page.subject
    return abort(redirect(url_for("home.index")) if request.method in {"GET", "HEAD"} else 403)


def patient() -> SubjectId:
    """Return who is signed in with a key."""
    return signed_in(SessionKind.PATIENT)


def lead_to_erasures(app: Flask, room: PortalRoom) -> None:
    """Lead whoever is signed in while they are being erased from every page to the one that says how far it is."""

    @app.before_request
    def _lead() -> ResponseReturnValue | None:
        if request.endpoint is None or request.endpoint in WHILE_ERASED or here().kind is not SessionKind.PATIENT:
            return None
        place = room.erasing.under_way(here().subject)
        return None if place is None else redirect(place)


def require_get() -> None:
    """Refuse a HEAD, which Flask answers where a GET is: what only looks at a link must not use it up."""
    if request.method != "GET":
        abort(405)
