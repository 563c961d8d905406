"""What a request says, before anybody looks at what it means: one JSON value, each key once, no number that is none."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import takewhile
from typing import Any, Final, NoReturn

from apiflask.exceptions import HTTPError
from flask import Request

from consent.web.v1 import schemas, study_schemas
from consent.web.v1.problems import Problem

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

_RULES: Final = {
    "missing": "is missing",
    "extra_forbidden": "has a member that is not known here",
    "string_too_long": "is too long",
    "string_too_short": "is too short",
    "too_long": "has too many members",
    "too_short": "has too few members",
    "string_pattern_mismatch": "does not have its form",
    "literal_error": "is none of what can stand here",
    "enum": "is none of what can stand here",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
}
_OTHERWISE: Final = "is of the wrong kind"


class ApiRequest(Request):
    """A request whose JSON is read strictly; what is no JSON raises `Problem`."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ANN401, ARG002, FBT001, FBT002  # Flask's signature
        """Return the body's value."""
        try:
            return json.loads(self.get_data(cache=True), object_pairs_hook=_each_key_once, parse_constant=_refuse)
        except (ValueError, RecursionError):  # whose message and cause hold some of the body
            raise Problem("bad-request") from None


def malformed(error: HTTPError) -> Problem:
    """Return the problem of a body or query that breaks its schema: places that have names of ours, rules of ours."""
    cause = error.__cause__
    found: Sequence[Mapping[str, Any]] = cause.errors() if cause is not None and hasattr(cause, "errors") else ()
    return Problem("malformed-request", errors=[_told(one) for one in found][:20])


def _told(one: Mapping[str, Any]) -> dict[str, str]:
    """Say where, and which rule; a name that no schema has was the sender's, so what it stands in is named."""
    ours = takewhile(lambda part: isinstance(part, int) or part in names_of_ours(), one["loc"])
    pointer = "".join(f"/{part}" for part in ours)
    return {"pointer": pointer, "detail": _RULES.get(one["type"], _OTHERWISE)}


@cache
def names_of_ours() -> frozenset[str]:
    """Return the names that members of bodies and queries have."""
    models = [*vars(schemas).values(), *vars(study_schemas).values()]
    sent = [one for one in models if isinstance(one, type) and issubclass(one, schemas.Body | schemas.Sent)]
    return frozenset(name for model in sent for name in model.model_fields)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _refuse(_: str) -> NoReturn:
    raise ValueError("not a number of JSON")
