"""Clients: programs of researchers and clinicians, which sign for their tokens. Each change is an entry of the log."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.ports import Assertions, ClientPublicKey, Store, StoredClient, StoredClientKey, StoredMembership, Unit
from consent.services.desk.callers import CLIENT_ROLES, Role
from consent.services.desk.ended import ALLOWED, FORBIDDEN, KEY_REVOKED, REVOKED, Ended
from consent.services.desk.judging import standing_client, standing_key
from consent.services.log import Log
from consent.services.studies.approved import open_study

REGISTERED, KEY_ADDED = "REGISTERED", "KEY_ADDED"
MOST_KEYS: Final = 8
"""How many keys a client may have at a time: one for each place it runs at, and a new one before an old one goes."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LONGEST_TITLE: Final = 200


class ClientError(ConsentError):
    """This cannot be done with clients; the message says what to change."""


class UnknownClientError(ConsentError):
    """No client or key of this name stands here; `consentry client list` shows who does."""


@dataclass(frozen=True, slots=True)
class ListedKey:
    """One of a client's keys; `created` in Unix seconds, `stands` while it counts."""

    kid: str
    created: int
    stands: bool


@dataclass(frozen=True, slots=True)
class ListedClient:
    """A client as the operator sees it: `studies` are those it is a member of, `stands` is until it is revoked."""

    client: str
    role: Role
    title: str
    created: int
    stands: bool
    keys: tuple[ListedKey, ...]
    studies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clients:
    """The operator's decisions about clients; each takes effect at a token's next use."""

    store: Store
    log: Log
    keys: Assertions
    clock: Callable[[], datetime]

    def register(self, client: str, role: Role, title: str, jwk: object) -> str:
        """Register a client with its first key, a public JWK; return the key's kid.

        Raises `ClientError` or `InvalidClientKeyError`. The name of a client that was revoked is never given again.
        """
        _require_sound(client, role, title)
        key, now = self.keys.public_key(jwk), self._now()
        with self.store.begin() as unit:
            if unit.clients.get(client) is not None:
                raise ClientError("a client of this name was registered before: choose another name")
            _require_new(unit, key)
            unit.clients.add(StoredClient(client, role.value, title, now))
            unit.clients.add_key(StoredClientKey(key.kid, client, key.jwk, now))
            self._say(unit, REGISTERED, {"client": client, "role": role.value, "kid": key.kid})
        return key.kid

    def add_key(self, client: str, jwk: object) -> str:
        """Give a client one more key, and return its kid; raise as `register`, or `UnknownClientError`."""
        key = self.keys.public_key(jwk)
        with self.store.begin() as unit:
            known = self._standing(unit, client)
            _require_new(unit, key)
            ended = Ended.by(unit)
            living = [one for one in unit.clients.keys(client) if standing_key(unit, ended, one.kid)]
            if len(living) >= MOST_KEYS:
                raise ClientError(f"a client has at most {MOST_KEYS} keys: revoke one of them first")
            unit.clients.add_key(StoredClientKey(key.kid, client, key.jwk, self._now()))
            self._say(unit, KEY_ADDED, {"client": client, "role": known.role, "kid": key.kid})
        return key.kid

    def revoke_key(self, client: str, kid: str) -> None:
        """End a client's key and every token that rests on it, for good; raise `UnknownClientError`."""
        with self.store.begin() as unit:
            key = standing_key(unit, Ended.by(unit), kid)
            if key is None or key.client != client:
                raise UnknownClientError("no key of this client and kid counts: `consentry client list` shows which do")
            unit.clients.revoke_key(kid, self._now())
            unit.api_tokens.drop_of_key(kid)
            self._say(unit, KEY_REVOKED, {"client": client, "kid": kid})

    def revoke(self, client: str) -> None:
        """End a client with all its keys and tokens, for good; raise `UnknownClientError`."""
        with self.store.begin() as unit:
            known = self._standing(unit, client)
            unit.clients.revoke(client, self._now())
            unit.api_tokens.drop_of_client(client)
            self._say(unit, REVOKED, {"client": client, "role": known.role})

    def allow(self, client: str, study: str) -> None:
        """Let a client ask for tokens of a study.

        Raises `UnknownClientError`, or `StudyNotApprovedError` where no such study is open.
        """
        with self.store.begin() as unit:
            open_study(unit, study)
            self.allow_within(unit, client, study)

    def allow_within(self, unit: Unit, client: str, study: str) -> None:
        """Do the same in a transaction that approves the study; who is a member already stays one, without an entry."""
        known = self._standing(unit, client)
        if _is_member(unit, Ended.by(unit), client, study):
            return
        unit.clients.allow(StoredMembership(study, client, self._now()))
        self._say(unit, ALLOWED, {"client": client, "role": known.role}, study)

    def forbid(self, client: str, study: str) -> None:
        """End a client's membership and its tokens of that study; raise `UnknownClientError` where it is no member."""
        with self.store.begin() as unit:
            if not _is_member(unit, Ended.by(unit), client, study):
                raise UnknownClientError("this client is no member of this study: `consentry client list` shows whose")
            unit.clients.forbid(client, study)
            unit.api_tokens.drop_of_client(client, study)
            self._say(unit, FORBIDDEN, {"client": client}, study)

    def listed(self) -> Sequence[ListedClient]:
        """Return all clients in the order of their ids, also those that were revoked."""
        with self.store.reading() as unit:
            ended = Ended.by(unit)
            return [_listed(unit, ended, client) for client in unit.clients.everyone()]

    def _standing(self, unit: Unit, client: str) -> StoredClient:
        known = standing_client(unit, Ended.by(unit), client)
        if known is None:
            raise UnknownClientError("no client of this name counts here: `consentry client list` shows which do")
        return known

    def _say(self, unit: Unit, verdict: str, facts: dict[str, Json], study: str = "") -> None:
        self.log.append(unit, [Entry(self._now(), "operator", Action.CLIENT, verdict, study=study, facts=facts)])

    def _now(self) -> int:
        return int(self.clock().timestamp())


def _require_sound(client: str, role: Role, title: str) -> None:
    if not _NAME.fullmatch(client):
        raise ClientError("a client's name is 1 to 63 lower-case letters, digits and hyphens: choose another")
    if role not in CLIENT_ROLES:
        raise ClientError("a client is a researcher's or a clinician's: operators and auditors are staff")
    if not (0 < len(title) <= _LONGEST_TITLE and title.isprintable() and title == title.strip()):
        raise ClientError("a client's title is one line of 1 to 200 printable characters: correct it")


def _require_new(unit: Unit, key: ClientPublicKey) -> None:
    if unit.clients.key(key.kid) is not None:
        raise ClientError("this key was registered before: have a new one drawn")


def _is_member(unit: Unit, ended: Ended, client: str, study: str) -> bool:
    return unit.clients.is_member(client, study) and (client, study) not in ended.memberships


def _listed(unit: Unit, ended: Ended, known: StoredClient) -> ListedClient:
    client, stands = known.client, standing_client(unit, ended, known.client) is not None
    counting = {key.kid for key in unit.clients.keys(client) if stands and standing_key(unit, ended, key.kid)}
    keys = tuple(ListedKey(key.kid, key.created, key.kid in counting) for key in unit.clients.keys(client))
    studies = tuple(study for study in unit.clients.studies(client) if _is_member(unit, ended, client, study))
    return ListedClient(client, Role(known.role), known.title, known.created, stands, keys, studies)
