"""Turn an answer that is no success into the error that says what to do (RFC 9457)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from consent.client.errors import (
    ApiError,
    NotFoundError,
    Problem,
    RefusedError,
    ServerError,
    SignInError,
    UsageError,
    as_line,
)
from consent.client.wire import Reply

PROBLEM_JSON: Final = "application/problem+json"

_SIGN_IN: Final = frozenset({"unauthenticated", "token-expired", "assertion-invalid", "assertion-replayed"})
_REFUSED: Final = frozenset({
    "not-allowed", "scope-not-allowed", "study-not-approved", "study-closed", "study-refused", "not-recruiting",
    "purpose-mismatch", "purpose-needs-a-person", "category-not-asked", "cohort-below-threshold", "budget-spent",
    "consent-gone", "model-refused", "prediction-refused", "conflict", "answer-gone",
})  # fmt: skip
_LATER: Final = frozenset({
    "ledger-stale", "snapshot-not-ready", "request-in-flight", "too-many-requests", "unavailable", "broken",
})  # fmt: skip
_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    401: SignInError,
    403: RefusedError,
    404: NotFoundError,
    409: RefusedError,
    429: ServerError,
}
_SERVER_ERRORS: Final = 500
_MOST_RULES: Final = 5


def problem_of(reply: Reply) -> Problem:
    """Read the problem of an answer; one that is no problem document has the status alone, and no word of its body."""
    said = _document(reply)
    slug = as_line(said.get("type")).rstrip("/").rpartition("/")[2]
    sentence = as_line(said.get("detail")) or as_line(said.get("title"))
    figures = {name: value for name, value in said.items() if type(value) in {int, float} and name != "status"}
    return Problem(slug, reply.status, sentence, tuple(_rules(said)), figures, reply.retry_after)


def error_of(problem: Problem) -> ApiError:
    """Return the error for a problem: by its type, where that is known, else by its status."""
    return _kind(problem)(_sentence(problem), problem)


def _document(reply: Reply) -> Mapping[str, Any]:
    if reply.media_type != PROBLEM_JSON:
        return {}
    try:
        value = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _rules(said: Mapping[str, Any]) -> Iterator[str]:
    """Yield what exactly was wrong: the rule that was broken, a word for it, and places with the rule of each."""
    yield from filter(None, (as_line(said.get(name)) for name in ("rule", "reason")))
    errors = said.get("errors")
    for one in errors[:_MOST_RULES] if isinstance(errors, list) else ():
        if isinstance(one, dict) and as_line(one.get("detail")):
            yield f"{as_line(one.get('pointer'))} {one['detail']}".strip()


def _kind(problem: Problem) -> type[ApiError]:
    for slugs, kind in ((_SIGN_IN, SignInError), (_REFUSED, RefusedError), (_LATER, ServerError)):
        if problem.slug in slugs:
            return kind
    if problem.status >= _SERVER_ERRORS:
        return ServerError
    return _BY_STATUS.get(problem.status, UsageError)


def _sentence(problem: Problem) -> str:
    named = f"{problem.slug} ({problem.status})" if problem.slug else f"{problem.status} without saying why"
    said = f": {problem.said}" if problem.said else ""
    said += f" ({'; '.join(problem.rules)})" if problem.rules else ""
    again = f"; ask again in {problem.retry_after:g} s" if problem.retry_after is not None else ""
    return f"the API answered {named}{said}{again}"
