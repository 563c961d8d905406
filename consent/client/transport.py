"""Asks the API: signs in, repeats what may be repeated, and turns problems into errors.

A GET and a DELETE may be repeated as they are; a POST has an Idempotency-Key of its own, so that the server answers the
same to the same. A busy server says when to come back, and is believed for `patience` seconds in all.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeGuard

from consent.client import answers
from consent.client.errors import Problem, ServerError, UsageError
from consent.client.problems import error_of, problem_of
from consent.client.signing_in import Credentials
from consent.client.wire import Reply, Request, UnreachedError, Wire
from consent.domain.hashing import Json

PATIENCE: Final = 120.0
_BUSY: Final = frozenset({429, 503})
_IN_FLIGHT: Final = "request-in-flight"
_UNAUTHORISED: Final = 401
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_UNREACHED_TRIES: Final = 5
"""Over some seconds: whoever just started a server may ask it right away."""


@dataclass(frozen=True, slots=True)
class Transport:
    """One signed-in connection.

    Attributes:
        wire: the connection.
        credentials: who asks.
        patience: seconds that one call waits for a busy server in all.
        pause: waits so many seconds.
    """

    wire: Wire
    credentials: Credentials
    patience: float = PATIENCE
    pause: Callable[[float], object] = field(default=time.sleep, repr=False)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401  # JSON, until it is read
        """Return what stands at a path, as JSON values."""
        return answers.parsed(self._ask(Request("GET", path, _json_accepted(), query or {})).body)

    def fetch(self, path: str, media_type: str) -> bytes:
        """Return what stands at a path, as bytes of one media type; `ServerError` where it is of another."""
        reply = self._ask(Request("GET", path, {"Accept": media_type}))
        if reply.media_type != media_type:
            raise ServerError("the API answered with another kind of document: is this its address?")
        return reply.body

    def post(self, path: str, body: Json = None, *, key: str | None = None) -> Any:  # noqa: ANN401
        """Send JSON, once: under `key`, or one that is drawn here; return the answer's JSON values, None for none."""
        headers = _json_accepted() | _json_sent() | {"Idempotency-Key": _require_key(key or secrets.token_hex(16))}
        reply = self._ask(Request("POST", path, headers, body=_encoded(body)))
        return answers.parsed(reply.body) if reply.body else None

    def put(self, path: str, body: Json) -> Any:  # noqa: ANN401
        """Put JSON in the place of what stands at a path; return the answer's JSON values."""
        return answers.parsed(
            self._ask(Request("PUT", path, _json_accepted() | _json_sent(), body=_encoded(body))).body
        )

    def delete(self, path: str) -> None:
        """Take away what stands at a path."""
        self._ask(Request("DELETE", path, _json_accepted()))

    def _ask(self, request: Request) -> Reply:
        """Ask until there is an answer that is no wait, as long as there is patience."""
        pauses = _Pauses(self.patience, self.pause)
        while True:
            try:
                return self._accepted(request, pauses)
            except ServerError as error:
                if not _worth_waiting(error.problem) or not _wait(pauses, error.problem.retry_after):
                    raise

    def _accepted(self, request: Request, pauses: "_Pauses") -> Reply:
        """Ask, with a new token where the last was not accepted; raise the error that a problem stands for."""
        reply = self._once(request, pauses)
        if reply.status == _UNAUTHORISED and self.credentials.renew():
            reply = self._once(request, pauses)
        if not reply.is_success:
            raise error_of(problem_of(reply))
        return reply

    def _once(self, request: Request, pauses: "_Pauses") -> Reply:
        """Send once with a token; where nobody answers, a few times more."""
        for _ in range(_UNREACHED_TRIES - 1):
            with suppress(UnreachedError):
                return self._send(request)
            _wait(pauses, None)
        return self._send(request)

    def _send(self, request: Request) -> Reply:
        bearer = {"Authorization": f"Bearer {self.credentials.bearer(self.wire)}"}
        return self.wire.ask(replace(request, headers={**request.headers, **bearer}))


@dataclass(slots=True)
class _Pauses:
    """What is left of the patience for one call, and how long the next pause is where nobody says."""

    left: float
    pause: Callable[[float], object]
    next: float = _FIRST_PAUSE


def _wait(pauses: _Pauses, seconds: float | None) -> bool:
    """Wait as long as was asked for, or twice as long as the last time; say whether there was patience for it."""
    wanted = pauses.next if seconds is None else max(seconds, _FIRST_PAUSE)
    if wanted > pauses.left:
        return False
    pauses.left -= wanted
    pauses.next = min(_LONGEST_PAUSE, 2 * pauses.next)
    pauses.pause(wanted)
    return True


def _worth_waiting(problem: Problem | None) -> TypeGuard[Problem]:
    """Say whether the same may succeed soon: the server is busy, or at the first request with this key."""
    return problem is not None and (problem.status in _BUSY or problem.slug == _IN_FLIGHT)


def _json_accepted() -> dict[str, str]:
    return {"Accept": "application/json, application/problem+json"}


def _json_sent() -> dict[str, str]:
    return {"Content-Type": "application/json"}


def _encoded(body: Json) -> bytes:
    try:
        return json.dumps({} if body is None else body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(
            "what is sent must be plain JSON values: numbers that are numbers, texts, lists, objects"
        ) from error


def _require_key(key: str) -> str:
    if not (0 < len(key) <= 128 and key.isascii() and key.isprintable()):  # noqa: PLR2004
        raise UsageError("an idempotency key is 1 to 128 printable ASCII characters")
    return key
