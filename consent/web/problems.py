"""What did not work, as one sentence and a next step: a page for people, problem JSON (RFC 9457) for programs.

Nothing of what was sent is ever repeated: only sentences that stand here or in a `Refusal` are shown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from consent.domain.details import DetailsMismatchError
from consent.domain.errors import ConsentError
from consent.ports import InvalidPasskeyError
from consent.services.authorising import NotAuthorisedError
from consent.services.erasure import AlreadyErasedError
from consent.services.granting import GrantNotAcceptedError
from consent.services.portal.enrolling import EnrolmentError
from consent.services.portal.signing_in import BeingErasedError, SignInError
from vault import VaultError

PROBLEM_JSON: Final = "application/problem+json"
_KEPT: Final = ("Allow", "Retry-After")


class Refusal(HTTPException):
    """An answer with an HTTP status that says `sentence`; write what to do, and nothing of what was sent."""

    def __init__(self, status: HTTPStatus, sentence: str | LazyString) -> None:
        super().__init__()
        self.code = status
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Problem:
    """What is told of a failure: a title, and a sentence with the next step."""

    title: LazyString
    sentence: str | LazyString


_TOO_OLD: Final = Problem(_("This page is too old"), _("This page is too old. Go back and try again."))
_WRONG: Final = Problem(_("This did not work"), _("Something in it was not right. Go back and try again."))
_BROKEN: Final = Problem(_("Something broke here"), _("It is our fault, not yours. Try again soon, or call us."))
_PROBLEMS: Final = {
    400: _WRONG,
    403: Problem(_("You cannot see this page"), _("It may be for somebody else. Sign in, and try again.")),
    404: Problem(_("This page is not here"), _("Check the address, or go to the start page.")),
    405: Problem(_("This did not work"), _("This page cannot be used in that way. Go to the start page.")),
    413: Problem(_("This is too large"), _("You sent more than we can take. Send less.")),
    429: Problem(_("Too many tries"), _("Wait a few minutes, then try again.")),
    410: Problem(_("This is not asked any more"), _("It ended, or it changed. Go to the start page and look again.")),
    422: Problem(_("This did not work"), _("Nothing was stored. Go to the start page and try again.")),
    500: _BROKEN,
    503: Problem(_("We cannot do this now"), _("Nothing is lost. You can still stop sharing. Try again soon.")),
}

_REFUSED: Final = {
    EnrolmentError: _("This could not be stored. Go to the start page, type your code again, and make a new key."),
    InvalidPasskeyError: _("Your key did not answer as it should. Try once more, or use your recovery code."),
    SignInError: _("This does not open your pages. Try once more, or take another way."),
    NotAuthorisedError: _("Your key did not sign this as it should, so nothing was done. Go back and try once more."),
    AlreadyErasedError: _("Your records are being erased. Go to the start page to see how far it is."),
    GrantNotAcceptedError: _("This could not be kept, so nothing is allowed. Go to the start page and try again."),
    DetailsMismatchError: _("The words have changed, so nothing is allowed. Go to the start page and read them again."),
}
"""What people read where a service refuses; nothing was stored then."""
_ERASING: Final = _(
    "Your records are being erased, so no one can sign in. "
    "To see how far it is, open the page that you kept. If you did not ask for this, call us today."
)


def explain(app: Flask) -> None:
    """Answer every failure of `app` in this way; its templates need `words.speak` and `headers.secure`."""
    app.register_error_handler(HTTPException, _answer)


def translate(app: Flask) -> None:
    """Answer what services refuse or cannot do in the same way; what their errors say is for operators."""
    for refused, sentence in _REFUSED.items():
        app.register_error_handler(refused, _refusing(HTTPStatus.UNPROCESSABLE_ENTITY, sentence))
    # Not 422: who signs in with an app would be told that we do not know its key.
    app.register_error_handler(BeingErasedError, _refusing(HTTPStatus.FORBIDDEN, _ERASING))
    for failed in (ConsentError, VaultError):
        app.register_error_handler(failed, _refusing(HTTPStatus.SERVICE_UNAVAILABLE, _PROBLEMS[503].sentence))


def _refusing(status: HTTPStatus, sentence: str | LazyString) -> Callable[[Exception], Response | HTTPException]:
    def refuse(error: Exception) -> Response | HTTPException:
        current_app.logger.warning("a page was refused", exc_info=error)
        return _answer(Refusal(status, sentence))

    return refuse


def _answer(error: HTTPException) -> Response | HTTPException:
    """Return the page or the JSON for `error`; what is no failure, such as a redirect, goes as it is."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status < HTTPStatus.BAD_REQUEST:
        return error
    problem = _problem(error, status)
    response = _as_page(problem) if _wants_page() else _as_json(problem, status)
    response.status_code = status
    response.headers.update({name: value for name, value in error.get_response().headers if name in _KEPT})
    return response


def _problem(error: HTTPException, status: int) -> Problem:
    known = _PROBLEMS.get(status, _WRONG if status < HTTPStatus.INTERNAL_SERVER_ERROR else _BROKEN)
    if isinstance(error, CSRFError):
        return _TOO_OLD
    if isinstance(error, Refusal):
        return Problem(known.title, error.sentence)
    return known


def _as_json(problem: Problem, status: int) -> Response:
    response = jsonify(type="about:blank", title=str(problem.title), status=status, detail=str(problem.sentence))
    response.mimetype = PROBLEM_JSON
    return response


def _as_page(problem: Problem) -> Response:
    return make_response(render_template("portal/problem.html", title=problem.title, sentence=problem.sentence))


def _wants_page() -> bool:
    """Say whether a page is asked for, as browsers do by name; who takes anything is a program."""
    wanted = request.accept_mimetypes.best_match([PROBLEM_JSON, "application/json", "text/html"])
    return wanted == "text/html" and not request.is_json
