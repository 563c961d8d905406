"""What did not work, in plain English: a page, or problem JSON (RFC 9457) for the script. Nothing sent is repeated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from consent.domain.errors import ConsentError
from consent.domain.study import StudyConflictError
from consent.ports import InvalidPasskeyError
from consent.services.desk.callers import TokenInvalidError
from consent.services.desk.clients import UnknownClientError
from consent.services.desk.drafts import UnknownStudyError
from consent.services.desk.staff import StaffSignInError
from consent.services.granting import UnknownConsentError
from consent.services.studies.approved import StudyClosedError, StudyNotApprovedError
from consent.web.problems import PROBLEM_JSON, Refusal
from vault import VaultError

_KEPT: Final = ("Allow", "Retry-After")


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a failure: a title, and a sentence with the next step."""

    title: str
    sentence: str


_WRONG: Final = Told("This did not work", "Something in it was not right. Nothing was done. Go back and try again.")
_BROKEN: Final = Told("Something broke here", "It is our fault. Try again once, then look at the server's log.")
_TOO_OLD: Final = Told(
    "This page is too old", "Nothing was done. Open it again, sign in if you are asked to, and retry."
)
_TOLD: Final[Mapping[int, Told]] = {
    400: _WRONG,
    403: Told("This is not for you", "Your role does not reach here, or you are not signed in."),
    404: Told("There is no such page", "Check the address, or go to the list of studies."),
    405: Told("This did not work", "This page cannot be used in that way. Go to the list of studies."),
    409: Told("This does not fit any more", "Nothing was done. Look at it again: it changed since you read it."),
    413: Told("This is too large", "You sent more than is taken here. Send less."),
    422: Told("This did not work", "Nothing was done. Go back and try again."),
    429: Told("Too many tries", "Wait a minute, then try again."),
    500: _BROKEN,
    503: Told("This cannot be done now", "Nothing was changed. Try again soon; `consentry doctor` says what is wrong."),
}
_REFUSED: Final[Mapping[type[Exception], tuple[HTTPStatus, str]]] = {
    InvalidPasskeyError: (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Your passkey did not answer as it should. Try once more.",
    ),
    StaffSignInError: (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This does not let anybody in. Use the passkey that you made here, or ask an operator for a new code.",
    ),
    TokenInvalidError: (HTTPStatus.FORBIDDEN, "You are not on the staff any more, so there is no token for you."),
    UnknownStudyError: (HTTPStatus.NOT_FOUND, "There is no such study. Look at the list of studies."),
    UnknownConsentError: (
        HTTPStatus.NOT_FOUND,
        "There is no such consent. Look for it by the beginning of its number, or of the person's pseudonym.",
    ),
    UnknownClientError: (
        HTTPStatus.NOT_FOUND,
        "There is no such client or key, or it was revoked. Look at the list of clients.",
    ),
    StudyConflictError: (
        HTTPStatus.CONFLICT,
        "Nothing was done: the study was decided on, or was changed, since you read it. Look at it again.",
    ),
    StudyClosedError: (HTTPStatus.CONFLICT, "Nothing was done: the study is closed already."),
    StudyNotApprovedError: (
        HTTPStatus.CONFLICT,
        "Nothing was done: the study is not approved, or is not what was approved.",
    ),
}
"""What is told where a service refuses; nothing was stored then."""


def explain(app: Flask) -> None:
    """Answer every failure of `app` in this way; what services' errors say is for the server's log."""
    app.register_error_handler(HTTPException, _answer)
    for refused, (status, sentence) in _REFUSED.items():
        app.register_error_handler(refused, _refusing(status, sentence))
    for failed in (ConsentError, VaultError):
        app.register_error_handler(failed, _refusing(HTTPStatus.SERVICE_UNAVAILABLE, _TOLD[503].sentence))


def _refusing(status: HTTPStatus, sentence: str) -> Callable[[Exception], Response | HTTPException]:
    def refuse(error: Exception) -> Response | HTTPException:
        current_app.logger.warning("a page was refused", exc_info=error)
        return _answer(Refusal(status, sentence))

    return refuse


def _answer(error: HTTPException) -> Response | HTTPException:
    """Return the page or the JSON for `error`; what is no failure, such as a redirect, goes as it is."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status < HTTPStatus.BAD_REQUEST:
        return error
    told = _told(error, status)
    response = _as_json(told, status) if request.is_json else _as_page(told)
    response.status_code = status
    response.headers.update({name: value for name, value in error.get_response().headers if name in _KEPT})
    return response


def _told(error: HTTPException, status: int) -> Told:
    known = _TOLD.get(status, _WRONG if status < HTTPStatus.INTERNAL_SERVER_ERROR else _BROKEN)
    if isinstance(error, CSRFError):
        return _TOO_OLD
    if isinstance(error, Refusal):
        return Told(known.title, str(error.sentence))
    return known


def _as_json(told: Told, status: int) -> Response:
    response = jsonify(type="about:blank", title=told.title, status=status, detail=told.sentence)
    response.mimetype = PROBLEM_JSON
    return response


def _as_page(told: Told) -> Response:
    return make_response(render_template("staff/problem.html", told=told))
