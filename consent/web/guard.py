"""Who may see a page: the session's kind decides, and a page that asks nobody in shows nothing of anybody."""

from flask import abort, redirect, request, url_for

from consent.domain.terms import SubjectId
from consent.services.portal.sessions import SessionKind
from consent.web.session import here


def signed_in(*kinds: SessionKind) -> SubjectId:
    """Return who is signed in under one of these kinds; anybody else is led to the welcome page, or refused."""
    page = here()
    if page.kind in kinds:
        return page.subject
    return abort(redirect(url_for("home.index")) if request.method in {"GET", "HEAD"} else 403)


def patient() -> SubjectId:
    """Return who is signed in with a key."""
    return signed_in(SessionKind.PATIENT)


def require_get() -> None:
    """Refuse a HEAD, which Flask answers where a GET is: what only looks at a link must not use it up."""
    if request.method != "GET":
        abort(405)
