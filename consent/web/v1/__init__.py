"""The researchers' door: `/v1` for programs, and pages that say how it is used.

| module | holds |
| --- | --- |
| `door` | how every route answers: who asks, idempotency, form |
| `signing_in`, `studies`, `cohorts`, `jobs`, `models`, `predictions` | the routes |
| `schemas` | what is sent and answered |
| `problems`, `translating` | what did not work, and from which error |
| `reading` | the document and its pages |
"""

from typing import Any, Final

from apiflask import APIFlask
from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from consent.web.headers import secure
from consent.web.turns import LARGEST
from consent.web.v1.addresses import understand
from consent.web.v1.bodies import ApiRequest
from consent.web.v1.cohorts import cohorts
from consent.web.v1.jobs import jobs
from consent.web.v1.models import models
from consent.web.v1.predictions import predictions
from consent.web.v1.problems import ORIGIN, Problem
from consent.web.v1.reading import DOCUMENT, INTRODUCTION, complete, reading
from consent.web.v1.room import ApiRoom
from consent.web.v1.signing_in import signing_in
from consent.web.v1.studies import studies
from consent.web.v1.translating import explain

VERSION: Final = "1"
_WITH_TOKEN: Final = "2400 per minute"  # noqa: S105  # a limit
_WITHOUT: Final = "60 per minute"
_FOR_EVERYBODY: Final = frozenset({"/v1/token", DOCUMENT})
"""Of what begins with /v1/, what is answered without a token: who sends one there is no better for it."""
_CHUNKED: Final = "HTTP_TRANSFER_ENCODING"


def create_api(room: ApiRoom) -> APIFlask:
    """Return the API over one installation, for the host of `room.origin` alone."""
    app = APIFlask(
        "consent.web", title="Consentry", version=VERSION, spec_path=DOCUMENT, docs_path=None, json_errors=False
    )
    app.request_class = ApiRequest
    app.config |= {
        ORIGIN: room.origin,
        "TRUSTED_HOSTS": [room.origin.split("://", 1)[1].rsplit(":", 1)[0]],
        "MAX_CONTENT_LENGTH": LARGEST,
        "PROVIDE_AUTOMATIC_OPTIONS": False,
        "OPENAPI_VERSION": "3.1.0",
        "AUTO_404_RESPONSE": False,
        "AUTO_AUTH_ERROR_RESPONSE": False,
        "AUTO_VALIDATION_ERROR_RESPONSE": False,
        "AUTO_SERVERS": False,
    }
    app.servers = [{"url": room.origin}]
    app.info = {"description": INTRODUCTION}
    understand(app)
    app.before_request(_require_small)
    _limit(app, room)
    for part in (signing_in, studies, cohorts, jobs, models, predictions):
        app.register_blueprint(part(room))
    app.register_blueprint(reading(app))
    app.spec_processor(_completed)
    explain(app)
    secure(app, scripts=False)
    return app


def _completed(document: dict[Any, Any] | str) -> dict[Any, Any] | str:
    return document if isinstance(document, str) else complete(document)


def _limit(app: APIFlask, room: ApiRoom) -> None:
    """Limit how often an address asks, in all: seldom without a token, for then it can only look around or guess."""
    Limiter(
        get_remote_address,
        app=app,
        application_limits=[_often],
        storage_uri="memory://",
        strategy="moving-window",
        enabled=room.limited,
    )


def _often() -> str:
    needs_token = request.path.startswith("/v1/") and request.path not in _FOR_EVERYBODY
    return _WITH_TOKEN if needs_token and "Authorization" in request.headers else _WITHOUT


def _require_small() -> None:
    """Refuse a body that is too large, or does not say how large it is, before any of it is read."""
    if _CHUNKED in request.environ or (request.content_length or 0) > LARGEST:
        raise Problem("body-too-large")


__all__ = ["create_api"]
