"""Tokens: a client signs for its own (RFC 6749, section 4.4, with RFC 7523), a researcher takes one for a notebook."""

from typing import Final

from apiflask import APIBlueprint
from flask import Response

from consent.services.desk.callers import Role, TokenRefusedError
from consent.services.desk.tokens import Granted, OwnToken
from consent.web.v1 import schemas
from consent.web.v1.door import ANYONE, Door, Who, caller, gone, walked
from consent.web.v1.paging import Listed
from consent.web.v1.problems import Problem
from consent.web.v1.room import ApiRoom

RESEARCHERS: Final = Who(frozenset({Role.RESEARCHER}))
_REFUSED: Final = {
    "assertion": "assertion-invalid",
    "assertion-replayed": "assertion-replayed",
    "study-not-approved": "study-not-approved",
    "scope": "scope-not-allowed",
    "not-allowed": "not-allowed",
    "too-many": "conflict",
}
_STUDIES: Final = "/v1/studies/"


def signing_in(room: ApiRoom) -> APIBlueprint:
    """Return the routes about tokens."""
    blueprint = APIBlueprint("tokens", __name__, tag="Tokens", url_prefix="/v1")
    door = Door(room, blueprint)

    @door("POST", "/token", who=None, body=schemas.TokenRequest, form=True, gives=schemas.AccessToken,
          refuses=("assertion-invalid", "assertion-replayed", "study-not-approved", "scope-not-allowed"))  # fmt: skip
    def token(body: schemas.TokenRequest) -> schemas.AccessToken:
        """Get an access token.

        For one study, which `resource` names by its id or its address; without it, for drafts of studies only.
        """
        scopes = body.scope.split() if body.scope else None
        try:
            granted = room.tokens.grant(body.client_assertion, _study(room, body.resource), scopes)
        except TokenRefusedError as error:
            raise Problem(_REFUSED[error.reason]) from None
        lasts = granted.expires - int(room.clock().timestamp())
        return schemas.AccessToken(
            access_token=granted.token, expires_in=lasts, scope=" ".join(sorted(granted.scopes)), study=granted.study
        )

    @door("GET", "/me", who=ANYONE, gives=schemas.Me)
    def me() -> schemas.Me:
        """Say who you are.

        And what the token may do.
        """
        here = caller()
        return schemas.Me(
            holder=here.holder, role=here.role.value, study=here.study, scopes=sorted(here.scopes),
            expires=here.expires, kind=here.kind.value,
        )  # fmt: skip

    @door("GET", "/tokens", who=RESEARCHERS, query=schemas.Walk, gives=schemas.PersonalTokens)
    def tokens(query: schemas.Walk) -> schemas.PersonalTokens:
        """List your personal tokens.

        Those of this study that last.
        """
        here = caller()
        found = [Listed(one.created, one.id, _listed(one)) for one in room.tokens.own(here)]
        page = walked(room, f"tokens {here.study}", found, query)
        return schemas.PersonalTokens(items=page.items, next=page.next)

    @door("POST", "/tokens", who=RESEARCHERS, body=schemas.NewToken, gives=schemas.PersonalToken, status=201,
          refuses=("scope-not-allowed", "conflict"), shown_once=True)  # fmt: skip
    def new_token(body: schemas.NewToken) -> schemas.PersonalToken:
        """Take a personal token.

        For a notebook, for at most 8 hours. It is shown this once.
        """
        try:
            granted = room.tokens.personal(caller(), body.seconds, body.scopes)
        except TokenRefusedError as error:
            raise Problem(_REFUSED[error.reason]) from None
        return _made(granted, int(room.clock().timestamp()))

    @door("DELETE", "/tokens/<id:token>", who=RESEARCHERS, status=204)
    def end_token(token: str) -> Response:
        """End a personal token."""
        if not room.tokens.revoke(caller(), token):
            raise Problem("not-found")
        return gone()

    return blueprint


def _study(room: ApiRoom, resource: str | None) -> str | None:
    """Return the study that a resource (RFC 8707) names, by its address here or its id alone."""
    if resource is None:
        return None
    return resource.removeprefix(room.origin).removeprefix(_STUDIES)


def _listed(one: OwnToken) -> schemas.PersonalToken:
    return schemas.PersonalToken(
        id=one.id, study=one.study, scopes=sorted(one.scopes), created=one.created, expires=one.expires
    )


def _made(granted: Granted, now: int) -> schemas.PersonalToken:
    return schemas.PersonalToken(
        id=granted.id, study=granted.study, scopes=sorted(granted.scopes), created=now, expires=granted.expires,
        token=granted.token,
    )  # fmt: skip
