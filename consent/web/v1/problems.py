"""What programs are told when something did not work: problem documents (RFC 9457), one type for each thing to do.

    raise Problem("budget-spent", until=1767225600)

A type is the address of a page (`/problems/budget-spent`) that says what to do. What is told is what stands here, and
figures that the caller may have: nothing of what was sent is repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from flask import Response, current_app, jsonify
from werkzeug.exceptions import HTTPException

from consent.domain.hashing import Json

PROBLEM_JSON: Final = "application/problem+json"
RETRY_SECONDS: Final = 5
ORIGIN: Final = "API_ORIGIN"
"""In an application's configuration: where its problems have their pages, whatever host a request names."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem: its name in addresses, its status, a title, what to do, and what else its document tells."""

    slug: str
    status: HTTPStatus
    title: str
    advice: str
    members: Mapping[str, str] = field(default_factory=dict)


_TYPES: Final = (
    ProblemType(
        "unauthenticated",
        HTTPStatus.UNAUTHORIZED,
        "Nobody is signed in",
        "Send a token as `Authorization: Bearer …`. A client gets one at /v1/token with its key.",
    ),
    ProblemType(
        "token-expired",
        HTTPStatus.UNAUTHORIZED,
        "The token has ended",
        "Ask for a new one at /v1/token: access tokens last 15 minutes, personal ones as long as was asked for.",
    ),
    ProblemType(
        "assertion-invalid",
        HTTPStatus.UNAUTHORIZED,
        "The assertion does not hold",
        "Sign a new one: a JWT (RFC 7523) by a key that is registered for your client, for this address, at most "
        "5 minutes long, with a new jti. Whoever runs this service can tell you which keys are registered.",
    ),
    ProblemType(
        "assertion-replayed",
        HTTPStatus.UNAUTHORIZED,
        "The assertion was used before",
        "Each assertion counts once: sign a new one with another jti.",
    ),
    ProblemType(
        "scope-not-allowed",
        HTTPStatus.FORBIDDEN,
        "This scope is not yours",
        "Ask for scopes of your role, or for none and get all of them.",
    ),
    ProblemType(
        "not-allowed",
        HTTPStatus.FORBIDDEN,
        "This is for others",
        "Your role or the token's scopes do not reach here. The documentation names the scope that is needed.",
    ),
    ProblemType(
        "not-found",
        HTTPStatus.NOT_FOUND,
        "This is not here",
        "Check the address, and that the token is for this study: what is another's looks like what is not there.",
    ),
    ProblemType(
        "method-not-allowed",
        HTTPStatus.METHOD_NOT_ALLOWED,
        "Not in this way",
        "The header Allow says which methods this address takes.",
    ),
    ProblemType(
        "not-acceptable",
        HTTPStatus.NOT_ACCEPTABLE,
        "Not in this form",
        "The documentation says in which media types this can be had.",
    ),
    ProblemType(
        "study-not-approved",
        HTTPStatus.FORBIDDEN,
        "The study is not approved",
        "Submit it, and wait for the operator's approval: /v1/studies says how it stands.",
    ),
    ProblemType(
        "study-closed",
        HTTPStatus.CONFLICT,
        "The study was closed",
        "It was closed for good and nothing is done for it any more: register another one.",
    ),
    ProblemType(
        "study-refused",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Nobody may have this studied here",
        "Insurance, employment, advertising and finding out who somebody is are no purposes here, whoever would agree.",
    ),
    ProblemType(
        "malformed-study",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This is no study",
        "Correct what `rule` names. `consentry study new` writes a file with every field explained.",
        {"rule": "Which rule is broken, and where."},
    ),
    ProblemType(
        "purpose-mismatch",
        HTTPStatus.FORBIDDEN,
        "The purpose is another one",
        "What you name goes beyond what the study was approved for and people allow: register a study for it.",
    ),
    ProblemType(
        "purpose-needs-a-person",
        HTTPStatus.CONFLICT,
        "A person must look at the purpose",
        "No machine decides on this purpose. The operator does, and says why; /v1/studies says how it stands.",
    ),
    ProblemType(
        "not-recruiting",
        HTTPStatus.CONFLICT,
        "Nobody is asked for this study yet",
        "Send the study's request first: POST /v1/studies/{study}/requests.",
    ),
    ProblemType(
        "category-not-asked",
        HTTPStatus.FORBIDDEN,
        "The study never asked for this kind of record",
        "Leave the condition or feature out that reads it, or register a study that asks for it.",
    ),
    ProblemType(
        "malformed-cohort",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This is no cohort query",
        "Correct what `rule` names. An example and the grammar stand in docs/analytics.md of Consentry's source.",
        {"rule": "Which rule is broken, and where."},
    ),
    ProblemType(
        "malformed-dictionary",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This is no dictionary",
        "Correct what `rule` names. An example and the format stand in docs/analytics.md of Consentry's source.",
        {"rule": "Which rule is broken, and where."},
    ),
    ProblemType(
        "malformed-parameters",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "These are no parameters of a training",
        "Leave them out for the defaults, or name fields within their ranges.",
    ),
    ProblemType(
        "malformed-request",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The request does not have its form",
        "Correct what `errors` names, each by its place in what was sent (RFC 6901).",
        {"errors": "Places (RFC 6901), each with the rule that is broken there."},
    ),
    ProblemType(
        "bad-request",
        HTTPStatus.BAD_REQUEST,
        "The request cannot be read",
        "Send HTTP with one JSON value in UTF-8 as the body, each key once.",
    ),
    ProblemType(
        "cohort-below-threshold",
        HTTPStatus.CONFLICT,
        "The cohort is too small to be told",
        "Fewer than 10 people are in it, or all but fewer than 10: widen it. The question was answered, and cost what "
        "it costs.",
        {
            "question": "SHA-256 of the query.",
            "epsilon": "What this answer cost once.",
            "left": "What the study may still spend in this period.",
        },
    ),
    ProblemType(
        "budget-spent",
        HTTPStatus.CONFLICT,
        "The study's budget for counts is spent",
        "Ask a question that was answered before, which costs nothing, or wait until the time that `until` names.",
        {"until": "When enough comes back, in Unix seconds; null where the question alone costs more than all."},
    ),
    ProblemType(
        "consent-gone",
        HTTPStatus.CONFLICT,
        "Too few people allow this now",
        "Consents count when they are used, and fewer than 10 people allow this now: wait, or ask more people.",
    ),
    ProblemType(
        "ledger-stale",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Consents cannot be checked now",
        "Nothing is decided until the ledger is read again: try again after the time that Retry-After names.",
    ),
    ProblemType(
        "model-refused",
        HTTPStatus.CONFLICT,
        "No model is served",
        "The study has no active release, or what is kept is not what was registered: /releases says how it stands.",
    ),
    ProblemType(
        "prediction-refused",
        HTTPStatus.FORBIDDEN,
        "No prediction is given",
        "`reason` is the word that the log has. Where a consent is missing, only the person can give it.",
        {"reason": "The log's word, such as NO_GRANT."},
    ),
    ProblemType(
        "snapshot-not-ready",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Records are being read for counting",
        "This happens once a day and takes up to some minutes: try again after the time that Retry-After names.",
    ),
    ProblemType(
        "conflict",
        HTTPStatus.CONFLICT,
        "This is in the way of what is there",
        "Read it again: it is in another state than this needs, or the name is taken.",
    ),
    ProblemType(
        "idempotency-key-reused",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The key was used for something else",
        "Take a new Idempotency-Key for each new request.",
    ),
    ProblemType(
        "request-in-flight",
        HTTPStatus.CONFLICT,
        "The first request with this key is not answered yet",
        "Wait, then send the same request again to get its answer.",
    ),
    ProblemType(
        "answer-gone",
        HTTPStatus.CONFLICT,
        "The answer was given once",
        "It was shown to the first request with this Idempotency-Key and is not kept in a form that could be shown "
        "again. Take a new key.",
    ),
    ProblemType(
        "body-too-large",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "This is too much",
        "A request has at most 64 KiB and says how long it is.",
    ),
    ProblemType(
        "unsupported-media-type",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "The body is not in this form",
        "Send the media type that the documentation names, such as `Content-Type: application/json`.",
    ),
    ProblemType(
        "too-many-requests",
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many requests",
        "Wait as long as Retry-After says.",
    ),
    ProblemType(
        "unavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "This cannot be done now",
        "Nothing is lost and nothing was done: try again after the time that Retry-After names.",
    ),
    ProblemType(
        "broken",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something broke here",
        "It is our fault. Try again once; then tell whoever runs this service when it happened.",
    ),
)
TYPES: Final[Mapping[str, ProblemType]] = {one.slug: one for one in _TYPES}
"""All kinds, in the order in which a request can meet them."""

_BY_STATUS: Final = {
    400: "bad-request",
    401: "unauthenticated",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    411: "body-too-large",
    413: "body-too-large",
    415: "unsupported-media-type",
    421: "not-found",
    422: "malformed-request",
    429: "too-many-requests",
    503: "unavailable",
}


class Problem(HTTPException):
    """An answer of one of the `TYPES`; `members` are those that its type names, `errors` places and rules."""

    def __init__(self, slug: str, *, errors: Sequence[Mapping[str, str]] = (), **members: Json) -> None:
        super().__init__()
        self.kind = TYPES[slug]
        self.code = self.kind.status
        self.members: dict[str, Json] = {**members, **({"errors": list(errors)} if errors else {})}


def problem_of(error: HTTPException) -> Problem:
    """Return the problem that an HTTP exception is, whoever raised it."""
    if isinstance(error, Problem):
        return error
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    known = "bad-request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "broken"
    return Problem(_BY_STATUS.get(status, known))


def answer(problem: Problem, *, headers: Mapping[str, str] | None = None) -> Response:
    """Return the document, with what its status asks for in the headers."""
    kind = problem.kind
    document: dict[str, Any] = {
        "type": f"{current_app.config[ORIGIN]}/problems/{kind.slug}",
        "title": kind.title,
        "status": int(kind.status),
        "detail": kind.advice,
        **problem.members,
    }
    response = jsonify(document)
    response.mimetype, response.status_code = PROBLEM_JSON, kind.status
    if kind.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if kind.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    response.headers.update(headers or {})
    return response
