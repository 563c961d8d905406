"""What goes wrong, in one plain sentence and a next step; programs get it as RFC 9457 problem details.

No answer repeats what was sent.
"""

from collections.abc import Mapping
from typing import Final

from flask import Flask, Response, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from consent.domain.details import DetailsMismatchError
from consent.domain.errors import ConsentError
from consent.ports import InvalidPasskeyError
from consent.services.granting import GrantNotAcceptedError
from consent.services.portal.enrolling import EnrolmentError
from consent.services.portal.signing_in import SignInError
from vault import VaultError

SENTENCES: Final = {
    400: _("Something is missing in what was sent. Go back and try again."),
    403: _("This page is not open to you. Sign in and try again."),
    404: _("There is no such page here. Go back to the start."),
    405: _("This page does not do that. Go back and try again."),
    410: _("This is not asked any more, or it changed. Go back to the start and look at it again."),
    413: _("This is too much at once. Send less."),
    429: _("There were too many tries. Wait a few minutes and try again."),
    500: _("Something broke on our side. Nothing of yours was lost. Try again, or call us."),
    503: _("We cannot do this right now. Nothing of yours was lost. You can still stop sharing. Try again later."),
}
TOO_OLD: Final = _("This page is too old. Go back and try again.")
NOT_KEPT: Final = _("This could not be kept, so nothing was allowed. Go back to the start and try again.")
TITLES: Final = {404: _("Not here"), 403: _("Not open"), 410: _("Not asked any more"), 429: _("Too many tries")}


def problem(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return problem details (RFC 9457); `detail` is the sentence to show."""
    title = str(TITLES.get(status, _("That did not work")))
    response = jsonify(type="about:blank", title=title, status=status, detail=str(sentence))
    response.status_code, response.mimetype = status, "application/problem+json"
    response.headers.update(headers or {})
    return response


def problem_pages(app: Flask) -> None:
    """Answer every failure of an application in this way."""

    @app.errorhandler(CSRFError)
    def _old_page(_error: CSRFError) -> ResponseReturnValue:
        return _told(400, TOO_OLD)

    @app.errorhandler(HTTPException)
    def _refused(error: HTTPException) -> ResponseReturnValue:
        if error.response is not None:
            return error.response
        status = error.code or 500
        return _told(status, SENTENCES.get(status, SENTENCES[500]))

    @app.errorhandler(EnrolmentError)
    @app.errorhandler(InvalidPasskeyError)
    @app.errorhandler(SignInError)
    def _said(error: ConsentError) -> ResponseReturnValue:
        sentence = str(error)
        return _told(422, f"{sentence[:1].upper()}{sentence[1:]}.")

    @app.errorhandler(GrantNotAcceptedError)
    @app.errorhandler(DetailsMismatchError)
    def _not_kept(_error: ConsentError) -> ResponseReturnValue:
        return _told(422, NOT_KEPT)

    @app.errorhandler(VaultError)
    @app.errorhandler(ConsentError)
    def _cannot(error: Exception) -> ResponseReturnValue:
        current_app.logger.error("a page failed: %s", type(error).__name__)
        return _told(503, SENTENCES[503])

    @app.errorhandler(Exception)
    def _broken(error: Exception) -> ResponseReturnValue:
        current_app.logger.error("a page broke: %s", type(error).__name__)
        return _told(500, SENTENCES[500])


def _told(status: int, sentence: str) -> ResponseReturnValue:
    if request.is_json or request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return problem(status, sentence)
    title = TITLES.get(status, _("That did not work"))
    return render_template("portal/problem.html", sentence=sentence, title=title), status
