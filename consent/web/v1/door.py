"""How every route of the API answers: who asks is known first, then the request's form, then the view.

    door = Door(room, blueprint)

    @door("POST", "/studies/<name:study>/cohorts", who=COUNTS, body=NewCohort, gives=Cohort, status=201,
          refuses=("malformed-cohort", "category-not-asked"))
    def save(study: str, body: NewCohort) -> Cohort: ...

Whoever lacks a token is told so before anything of the request is read; who lacks the scope, before they learn whether
the study is there. A study that a token is not for does not exist for it.
"""

import base64
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final, TypeVar

from apiflask import APIBlueprint
from flask import Response, g, make_response, request
from pydantic import BaseModel

from consent.services.desk.callers import Caller, Role, Scope, TokenExpiredError, TokenInvalidError
from consent.services.desk.idempotency import AnswerGoneError, InFlightError, Kept, KeyReusedError
from consent.web.v1.bodies import FORM, JSON
from consent.web.v1.paging import Cursors, Listed, Page
from consent.web.v1.problems import PROBLEM_JSON, TYPES, Problem, answer
from consent.web.v1.room import ApiRoom
from consent.web.v1.schemas import Walk
from consent.web.v1.translating import problem_from

View = Callable[..., Any]
T = TypeVar("T")
EVERYBODY: Final = frozenset(Role)
_KEY: Final = "Idempotency-Key"
_LONGEST_KEY: Final = 128
_REPEATED: Final = ("Location", "Content-Type", "Retry-After")
_NOT_KEPT: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})
"""Answers that say nothing of the request itself: the same request may be answered in another way soon."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who may use a route: those of these roles whose token has one of these scopes; of no scope: any token."""

    roles: frozenset[Role]
    scopes: frozenset[Scope] = frozenset()

    def allows(self, caller: Caller) -> bool:
        """Say whether somebody is one of them."""
        return caller.role in self.roles and (not self.scopes or bool(self.scopes & caller.scopes))

    def __or__(self, other: "Who") -> "Who":
        return Who(self.roles | other.roles, self.scopes | other.scopes)


STUDIES: Final = Who(frozenset({Role.RESEARCHER}), frozenset({Scope.STUDIES}))
COUNTS: Final = Who(frozenset({Role.RESEARCHER}), frozenset({Scope.COUNTS}))
TRAIN: Final = Who(frozenset({Role.RESEARCHER}), frozenset({Scope.TRAIN}))
MODELS: Final = Who(EVERYBODY, frozenset({Scope.MODELS}))
AGGREGATES: Final = Who(frozenset({Role.RESEARCHER}), frozenset({Scope.MODELS}))
PREDICT: Final = Who(frozenset({Role.CLINICIAN}), frozenset({Scope.PREDICT}))
AUDIT: Final = Who(frozenset({Role.AUDITOR, Role.OPERATOR}), frozenset({Scope.AUDIT}))
OPERATE: Final = Who(frozenset({Role.OPERATOR}), frozenset({Scope.OPERATE}))
ANYONE: Final = Who(EVERYBODY)


def caller() -> Caller:
    """Return who asks; only where the route is not for everybody."""
    found: Caller = g.caller
    return found


def walked(room: ApiRoom, listing: str, found: Sequence[Listed[T]], walk: Walk, now: int | None = None) -> Page[T]:
    """Return the page of a list that the caller asks for; `now` where something else than time orders the list."""
    cursors = Cursors(room.secret, caller().holder, listing)
    return cursors.page(found, walk.limit, walk.cursor, int(room.clock().timestamp()) if now is None else now)


def gone() -> Response:
    """Return the answer of what was deleted, which says nothing more."""
    response = Response(status=HTTPStatus.NO_CONTENT)
    del response.headers["Content-Type"]
    return response


@dataclass(frozen=True, slots=True)
class Door:
    """Puts routes on a blueprint."""

    room: ApiRoom
    blueprint: APIBlueprint

    def __call__(  # noqa: PLR0913  # what a route is, each by its name
        self, method: str, path: str, *, who: Who | None, gives: type[BaseModel] | None = None, status: int = 200,
        body: type[BaseModel] | None = None, form: bool = False, query: type[BaseModel] | None = None,
        refuses: Collection[str] = (), media: Collection[str] = (), shown_once: bool = False, asked_anew: bool = False,
    ) -> Callable[[View], View]:  # fmt: skip
        """Declare a route; `media` are the types of an answer that is no JSON.

        The answer to a key that comes again is what was answered, nothing where it is `shown_once`, and where it is
        `asked_anew` what is answered now: it rests on a consent, which counts when it is used.
        """
        takes = FORM if form else JSON if body else ""
        keyed = method == "POST" and who is not None

        def declare(view: View) -> View:
            blueprint = self.blueprint
            found = view
            if gives:
                found = blueprint.output(gives, status_code=status)(found)
            if query:
                found = blueprint.input(query, location="query", arg_name="query")(found)
            if body:
                found = blueprint.input(body, location="form" if form else "json", arg_name="body")(found)
            found = blueprint.doc(responses=_responses(method, who, takes, status, refuses, media, keyed=keyed),
                                  extensions=_extensions(who), security="token" if who else None)(found)  # fmt: skip
            found = self._guarded(found, who, takes, keyed=keyed, kept=not shown_once, anew=asked_anew)
            return blueprint.route(path, methods=[method])(found)

        return declare

    def _guarded(  # what a route is, each by its name
        self, view: View, who: Who | None, takes: str, *, keyed: bool, kept: bool, anew: bool
    ) -> View:
        @wraps(view)
        def guarded(**parts: Any) -> Any:  # noqa: ANN401  # what an address holds, and what a view returns
            if who is not None:
                g.caller = self._admitted(who, parts.get("study"))
            if takes and request.mimetype != takes:
                raise Problem("unsupported-media-type")
            if keyed and _KEY in request.headers:
                return self._once(lambda: view(**parts), kept=kept and not anew, anew=anew)
            return view(**parts)

        return guarded

    def _admitted(self, who: Who, study: str | None) -> Caller:
        """Return who asks, where they may; raise `Problem`."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Problem("unauthenticated")
        try:
            found = self.room.tokens.caller(token)
        except TokenExpiredError:
            raise Problem("token-expired") from None
        except TokenInvalidError:
            raise Problem("unauthenticated") from None
        if not who.allows(found):
            raise Problem("not-allowed")
        if study is not None and found.study is not None and found.study != study:
            raise Problem("not-found")
        return found

    def _once(self, act: Callable[[], Any], *, kept: bool, anew: bool) -> Response:
        """Answer a request with a key, or repeat what was answered."""
        key = request.headers[_KEY]
        if not (key.isascii() and key.isprintable() and 0 < len(key) <= _LONGEST_KEY):
            rule = f"is 1 to {_LONGEST_KEY} printable ASCII characters"
            raise Problem("malformed-request", errors=[{"pointer": f"/{_KEY}", "detail": rule}])
        once, holder, now = self.room.idempotency, _holder(caller()), self.room.clock()
        try:
            found = once.begin(holder, key, _asked(), now)
        except KeyReusedError:
            raise Problem("idempotency-key-reused") from None
        except InFlightError:
            raise Problem("request-in-flight") from None
        except AnswerGoneError:
            if anew:
                return _made(act)
            raise Problem("answer-gone") from None
        if found is not None:
            return _repeated(found)
        try:
            given = _made(act)
        except BaseException:
            once.forget(holder, key)
            raise
        if given.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or given.status_code in _NOT_KEPT:
            once.forget(holder, key)
        else:
            once.keep(holder, key, _written(given) if kept else None, now)
        return given


def _holder(here: Caller) -> str:
    """Return whose key it is: a client and a member of the staff may have one name, and a token is for one study."""
    return f"{here.role} {here.holder} {here.study or ''}"


def _made(act: Callable[[], Any]) -> Response:
    """Return an answer as it goes out, also one that says what did not work."""
    try:
        return make_response(act())
    except Exception as error:
        problem = problem_from(error)
        if problem is None:
            raise
        return answer(problem)


def _asked() -> bytes:
    """Return what tells one request from another, 32 bytes."""
    named = f"{request.method}\n{request.path}\n{request.query_string.decode('latin-1')}\n{request.mimetype}\n"
    return sha256(named.encode() + request.get_data(cache=True)).digest()


def _written(given: Response) -> bytes:
    headers = {name: given.headers[name] for name in _REPEATED if name in given.headers}
    body = base64.b64encode(given.get_data()).decode()
    return json.dumps({"status": given.status_code, "headers": headers, "body": body}).encode()


def _repeated(kept: Kept) -> Response:
    value = json.loads(kept.answer)
    response = Response(base64.b64decode(value["body"]), value["status"])
    response.headers.update(value["headers"])
    return response


def _extensions(who: Who | None) -> dict[str, Any]:
    """Return what the document says of who may come in."""
    if who is None:
        return {}
    return {"x-roles": sorted(who.roles), "x-scopes": sorted(who.scopes)}


def _responses(  # what a route is, each by its name
    method: str, who: Who | None, takes: str, status: int, refuses: Collection[str], media: Collection[str], *,
    keyed: bool,
) -> dict[int, Any]:  # fmt: skip
    """Return every answer of a route for the document: what it gives, and each problem by its status."""
    slugs = [*_everywhere(who, takes, keyed=keyed), *refuses]
    by_status: dict[int, list[str]] = {}
    for slug in slugs:
        by_status.setdefault(int(TYPES[slug].status), []).append(slug)
    told: dict[int, Any] = {
        status_code: {
            "description": "; ".join(dict.fromkeys(TYPES[slug].title for slug in of_status)),
            "content": _DOCUMENT,
        }
        for status_code, of_status in sorted(by_status.items())
    }
    if media:
        content = {one: {"schema": {"type": "string"}} for one in media}
        told[status] = {"description": "Successful response", "content": content}
    elif method == "DELETE":
        told[status] = {"description": "It is gone", "content": {}}
    return told


def _everywhere(who: Who | None, takes: str, *, keyed: bool) -> list[str]:
    slugs = ["bad-request", "not-found", "too-many-requests", "unavailable", "body-too-large", "malformed-request"]
    if who is not None:
        slugs += ["unauthenticated", "token-expired", "not-allowed"]
    if takes:
        slugs += ["unsupported-media-type"]
    if keyed:
        slugs += ["idempotency-key-reused", "request-in-flight", "answer-gone"]
    return slugs


_DOCUMENT: Final[Mapping[str, Any]] = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
