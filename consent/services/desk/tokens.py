"""Tokens: what lets a program ask, for a quarter of an hour, or for a working day where a researcher wants that.

    granted = tokens.grant(assertion, "kidneys", None)
    caller = tokens.caller(granted.token)

A token is 32 random bytes behind `cst_`; the database holds its SHA-256. What it rests on is judged at each use: the
key that signed for it, the client, the membership and the study.
"""

import re
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from consent.domain.entry import Action, Entry
from consent.domain.hashing import Json, canonical_json, sha256
from consent.ports import Assertion, Assertions, InvalidAssertionError, Store, StoredClient, StoredToken, Unit
from consent.services.desk.callers import (
    SCOPES_OF,
    STUDY_BOUND,
    Caller,
    Role,
    Scope,
    TokenExpiredError,
    TokenInvalidError,
    TokenKind,
    TokenRefusedError,
)
from consent.services.desk.judging import Judging
from consent.services.log import Log

ACCESS_SECONDS: Final = 900
PERSONAL_SECONDS: Final = 8 * 3600
"""The longest that a personal token, or one of the staff's, lasts."""
MOST_PERSONAL: Final = 20
"""How many personal tokens a client may have at a time for one study."""
KEPT_SECONDS: Final = 3600
"""How long what ran out is kept: a token then says so, and a clock that is set back lets no assertion in again."""
TOKEN_ISSUED, TOKEN_REVOKED = "TOKEN_ISSUED", "TOKEN_REVOKED"
PREFIX: Final = "cst_"
"""By which those who look for secrets in files know a token of ours."""
_TOKEN: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_STUDY: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Granted:
    """A token, shown this once: only its SHA-256 is kept. `expires` in Unix seconds, `id` is 16 characters."""

    token: str = field(repr=False)
    id: str
    expires: int
    scopes: frozenset[Scope]
    study: str | None


@dataclass(frozen=True, slots=True)
class OwnToken:
    """A personal token of a client's, as it is listed; times in Unix seconds."""

    id: str
    study: str | None
    scopes: frozenset[Scope]
    created: int
    expires: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """Issues tokens and says who holds one; `audience` is the token endpoint's URL."""

    store: Store
    log: Log
    judging: Judging
    assertions: Assertions
    audience: str
    clock: Callable[[], datetime]

    def grant(self, assertion: str, study: str | None, scopes: Collection[str] | None) -> Granted:
        """Return an access token for who signed the assertion; without `scopes`, all that there are for the role.

        Raises `TokenRefusedError`, having kept nothing: what was refused may be asked again with the same assertion.
        """
        now = self._now()
        kid, signed = self._authenticated(assertion, now)
        with self.store.begin() as unit:
            self.judging.follow(unit)
            client = self.judging.client(unit, kid, signed.client)
            if client is None:
                raise _refused_assertion()
            unit.api_tokens.clear(now - KEPT_SECONDS)
            if not unit.api_tokens.use_up(sha256(canonical_json([signed.client, signed.jti])), signed.expires):
                raise TokenRefusedError("assertion-replayed", "this assertion was used before: sign a new one")
            chosen = self._chosen(unit, client, study, scopes)
            row = _undrawn(TokenKind.ACCESS, client.client, client.role, now, now + ACCESS_SECONDS)
            return _kept(unit, replace(row, kid=kid, study=study, scopes=_written(chosen)))

    def personal(self, caller: Caller, seconds: int, scopes: Collection[str] | None = None) -> Granted:
        """Return a personal token of the caller's study, with all of the caller's scopes or some of them.

        Raises `TokenRefusedError`: reason `not-allowed` for whoever is no researcher with an access token, `too-many`
        for who has so many, `seconds` outside 1 to `PERSONAL_SECONDS`, `scope` for more than the caller may do.
        """
        if not 1 <= seconds <= PERSONAL_SECONDS:
            raise TokenRefusedError("seconds", f"a personal token lasts 1 to {PERSONAL_SECONDS} seconds: ask for those")
        now = self._now()
        with self.store.begin() as unit:
            self.judging.follow(unit)
            access = self._access(unit, caller, now)
            if len(_own(unit, caller, now)) >= MOST_PERSONAL:
                raise TokenRefusedError("too-many", "there are too many personal tokens: revoke one of them first")
            chosen = _narrowed(_scopes(access.scopes), scopes)
            row = replace(
                access, kind=TokenKind.PERSONAL.value, scopes=_written(chosen), created=now, expires=now + seconds
            )
            granted = _kept(unit, row)
            facts: dict[str, Json] = {"kid": access.kid, "expires": granted.expires, "scopes": sorted(chosen)}
            self._say(unit, caller, TOKEN_ISSUED, granted.id, facts)
            return granted

    def staff(self, name: str, role: Role, seconds: int) -> Granted:
        """Return a token of a member of the staff, who signed in just now, for `seconds` or the longest there is.

        Raises `TokenInvalidError` where nobody of this name has this role.
        """
        now = self._now()
        with self.store.begin() as unit:
            self.judging.follow(unit)
            if self.judging.role(unit, name) is not role:
                raise TokenInvalidError("nobody of this name signs in here: ask an operator for an invitation")
            row = _undrawn(TokenKind.STAFF, name, role, now, now + max(1, min(seconds, PERSONAL_SECONDS)))
            granted = _kept(unit, replace(row, scopes=_written(SCOPES_OF[role])))
            facts: dict[str, Json] = {"name": name, "token": granted.id, "expires": granted.expires}
            self.log.append(unit, [Entry(now, role.value, Action.STAFF, TOKEN_ISSUED, facts=facts)])
            return granted

    def caller(self, token: str) -> Caller:
        """Return who asks; raise `TokenInvalidError`, or `TokenExpiredError` where it was good and ran out."""
        now = self._now()
        if not _TOKEN.fullmatch(token):
            raise _invalid()
        with self.store.reading() as unit:
            self.judging.follow(unit)
            stored = unit.api_tokens.get(_digest(token))
            if stored is None or not self.judging.holds(unit, stored):
                raise _invalid()
        if stored.expires <= now:
            raise TokenExpiredError("this token has run out: ask for a new one")
        return _caller(stored)

    def studies(self, caller: Caller) -> Collection[str]:
        """Return the open studies of which a client is a member."""
        with self.store.reading() as unit:
            self.judging.follow(unit)
            named = unit.clients.studies(caller.holder)
            return [study for study in named if self.judging.is_member(unit, caller.holder, study)]

    def own(self, caller: Caller) -> Sequence[OwnToken]:
        """Return the personal tokens that last of the caller's client and study, oldest first."""
        with self.store.reading() as unit:
            found = _own(unit, caller, self._now())
        return [OwnToken(one.id, one.study, _scopes(one.scopes), one.created, one.expires) for one in found]

    def revoke(self, caller: Caller, token: str) -> bool:
        """End one of the caller's personal tokens by its id; False where there is none such."""
        with self.store.begin() as unit:
            found = next((one for one in _own(unit, caller, self._now()) if one.id == token), None)
            if found is None:
                return False
            unit.api_tokens.drop(found.digest)
            self._say(unit, caller, TOKEN_REVOKED, token, {"kid": found.kid})
        return True

    def _authenticated(self, assertion: str, now: int) -> tuple[str, Assertion]:
        """Return the kid that signed and what it signed; whoever signed nothing never gets to write."""
        try:
            kid, client = self.assertions.named(assertion)
            with self.store.reading() as unit:
                self.judging.follow(unit)
                jwk = self.judging.key(unit, kid, client)
            return kid, self.assertions.checked(assertion, jwk, self.audience, now)
        except InvalidAssertionError as error:
            raise TokenRefusedError("assertion", str(error)) from error

    def _chosen(
        self, unit: Unit, client: StoredClient, study: str | None, scopes: Collection[str] | None
    ) -> frozenset[Scope]:  # fmt: skip
        if study is not None and not (_STUDY.fullmatch(study) and self.judging.is_member(unit, client.client, study)):
            raise TokenRefusedError(
                "study-not-approved", "no open study of this name is this client's: ask an operator"
            )
        allowed = SCOPES_OF[Role(client.role)]
        return _narrowed(allowed if study else allowed - STUDY_BOUND, scopes)

    def _access(self, unit: Unit, caller: Caller, now: int) -> StoredToken:
        """Return the caller's stored access token, which counts for what a personal one may do."""
        if (caller.kind, caller.role) != (TokenKind.ACCESS, Role.RESEARCHER):
            raise TokenRefusedError("not-allowed", "a researcher's access token gives personal ones: sign in for one")
        named = (one for one in unit.api_tokens.of_client(caller.holder) if one.id == caller.token)
        found = next((one for one in named if one.kind == TokenKind.ACCESS), None)
        if found is None or found.expires <= now or not self.judging.holds(unit, found):
            raise _invalid()
        return found

    def _say(self, unit: Unit, caller: Caller, verdict: str, token: str, facts: dict[str, Json]) -> None:
        told = facts | {"client": caller.holder, "token": token}
        entry = Entry(self._now(), caller.actor, Action.CLIENT, verdict, study=caller.study or "", facts=told)
        self.log.append(unit, [entry])

    def _now(self) -> int:
        return int(self.clock().timestamp())


def _undrawn(kind: TokenKind, holder: str, role: str, created: int, expires: int) -> StoredToken:
    """Return the row of a token that is not drawn yet and may do nothing."""
    return StoredToken(b"", "", kind.value, holder, role, None, None, "", created, expires)


def _kept(unit: Unit, undrawn: StoredToken) -> Granted:
    """Draw a token and its id, and store the row of it."""
    token = PREFIX + secrets.token_urlsafe(32)
    stored = replace(undrawn, digest=_digest(token), id=secrets.token_hex(8))
    unit.api_tokens.add(stored)
    return Granted(token, stored.id, stored.expires, _scopes(stored.scopes), stored.study)


def _own(unit: Unit, caller: Caller, now: int) -> list[StoredToken]:
    """Return the personal tokens of a researcher's client and study; a member of the staff may have a client's name."""
    found = unit.api_tokens.of_client(caller.holder) if caller.role is Role.RESEARCHER else ()
    return [one for one in found if (one.kind, one.study) == (TokenKind.PERSONAL, caller.study) and now < one.expires]


def _narrowed(allowed: frozenset[Scope], scopes: Collection[str] | None) -> frozenset[Scope]:
    """Return those of the allowed scopes that were asked for, all of them without a choice; refuse any other."""
    chosen = allowed if scopes is None else frozenset(scope for scope in allowed if scope in scopes)
    if not chosen or (scopes is not None and not set(scopes) <= allowed):
        raise TokenRefusedError("scope", "this is more than may be asked for here: name a study, or fewer scopes")
    return chosen


def _caller(stored: StoredToken) -> Caller:
    return Caller(
        holder=stored.holder,
        role=Role(stored.role),
        study=stored.study,
        scopes=_scopes(stored.scopes),
        expires=stored.expires,
        token=stored.id,
        kind=TokenKind(stored.kind),
    )


def _written(scopes: frozenset[Scope]) -> str:
    return " ".join(sorted(scopes))


def _scopes(written: str) -> frozenset[Scope]:
    return frozenset(map(Scope, written.split()))


def _digest(token: str) -> bytes:
    return sha256(token.encode())


def _invalid() -> TokenInvalidError:
    return TokenInvalidError("this token lets nobody in: ask for a new one")


def _refused_assertion() -> TokenRefusedError:
    return TokenRefusedError("assertion", "this assertion does not hold: sign a new one with a key that is registered")
