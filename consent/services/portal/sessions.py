"""Who a browser is signed in as, and the tickets that carry somebody from one of the two origins to the other.

A cookie or a link holds 32 random bytes; the database holds their SHA-256. Nothing in them says who or what it is for.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from consent.domain.hashing import Json
from consent.domain.terms import SubjectId
from consent.ports import Store, StoredSession, StoredTicket

TICKET_SECONDS: Final = 600
_LONGEST: Final = 12 * 3600
"""In seconds; nobody stays signed in longer, however busy they are."""
_PUSH: Final = 60
"""A session's end is written anew only when that moves it by so many seconds."""


class SessionKind(StrEnum):
    """What a session may do."""

    VISITOR = "visitor"
    """Nobody is signed in."""
    PATIENT = "patient"
    """Signed in with a key: everything of one's own."""
    STOPPING = "stopping"
    """Signed in with a mailed code: a list under neutral names, and the stop."""
    SIGNING = "signing"
    """On the signing origin, for one act."""
    STAFF = "staff"
    """On the API's origin, with a passkey of the staff's; the state holds the name, and the role is looked up anew."""


IDLE: Final = {
    SessionKind.VISITOR: 3600,
    SessionKind.PATIENT: 1800,
    SessionKind.STOPPING: 900,
    SessionKind.SIGNING: 900,
    SessionKind.STAFF: 900,
}
"""After how many seconds without a request a session ends."""


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """An open session with its secret; `state` is what the pages remember, `kept` whether it was stored before."""

    token: str
    kind: SessionKind
    subject: SubjectId | None
    created: int
    expires: int
    state: Mapping[str, Json]
    kept: bool = field(default=False, compare=False)

    @property
    def digest(self) -> bytes:
        """By what the database knows it, 32 bytes."""
        return digest_of(self.token)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that was taken."""

    purpose: str
    session: bytes
    subject: SubjectId | None
    state: Mapping[str, Any]


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of what a cookie or a link holds, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class BrowserSessions:
    """The sessions of all browsers."""

    store: Store

    def begin(self, kind: SessionKind, subject: SubjectId | None, now: datetime) -> BrowserSession:
        """Return a new session, which nobody knows until it is kept."""
        time = int(now.timestamp())
        return BrowserSession(secrets.token_urlsafe(32), kind, subject, time, time + IDLE[kind], {})

    def find(self, token: str, now: datetime) -> BrowserSession | None:
        """Return the session of a cookie's value, its end pushed on; None where there is none that lasts."""
        time = int(now.timestamp())
        with self.store.reading() as unit:
            stored = unit.sessions.get(digest_of(token))
        if stored is None or stored.expires <= time:
            return None
        kind = SessionKind(stored.kind)
        state = json.loads(stored.state)
        session = BrowserSession(token, kind, stored.subject, stored.created, stored.expires, state, kept=True)
        expires = min(time + IDLE[kind], stored.created + _LONGEST)
        if expires - stored.expires < _PUSH:
            return session
        pushed = replace(session, expires=expires)
        self.keep(pushed, now)
        return pushed

    def keep(self, session: BrowserSession, now: datetime) -> None:
        """Store a session as it is now, and clear away what has expired.

        One that was stored before and has ended meanwhile, as by a page that signed out, does not come back.
        """
        with self.store.begin() as unit:
            unit.sessions.clear(int(now.timestamp()))
            if not session.kept or unit.sessions.get(session.digest):
                unit.sessions.put(_stored(session))

    def remember(self, session: BrowserSession, state: Mapping[str, Json], now: datetime) -> None:
        """Store what the pages remember."""
        self.keep(replace(session, state=state), now)

    def end(self, session: BrowserSession) -> None:
        """End a session and its tickets."""
        with self.store.begin() as unit:
            unit.sessions.end(session.digest)

    def change(self, old: BrowserSession, kind: SessionKind, subject: SubjectId, now: datetime) -> BrowserSession:
        """Sign somebody in: the session gets a new secret, so that whoever planted the old one has nothing."""
        new = replace(self.begin(kind, subject, now), kept=True)
        with self.store.begin() as unit:
            unit.sessions.end(old.digest)
            unit.sessions.put(_stored(new))
        return new

    def ticket(
        self, purpose: str, session: bytes, subject: SubjectId | None, state: Mapping[str, Json], now: datetime
    ) -> str:
        """Return what a link to the other origin holds; `session` is the digest of the one that asks."""
        token = secrets.token_urlsafe(32)
        expires = int(now.timestamp()) + TICKET_SECONDS
        stored = StoredTicket(digest_of(token), purpose, session, subject, expires, json.dumps(state).encode())
        with self.store.begin() as unit:
            unit.sessions.add_ticket(stored)
        return token

    def take(self, token: str, now: datetime) -> Ticket | None:
        """Take a ticket, once; None where it is unknown, used or too old, or the session that asked has ended."""
        with self.store.begin() as unit:
            stored = unit.sessions.take_ticket(digest_of(token))
            asked = None if stored is None else unit.sessions.get(stored.session)
        if stored is None or asked is None or min(stored.expires, asked.expires) <= int(now.timestamp()):
            return None
        return Ticket(stored.purpose, stored.session, stored.subject, json.loads(stored.state))

    def lasts(self, digest: bytes, now: datetime) -> bool:
        """Say whether the session that asked for something is still there."""
        with self.store.reading() as unit:
            stored = unit.sessions.get(digest)
        return stored is not None and stored.expires > int(now.timestamp())


def _stored(session: BrowserSession) -> StoredSession:
    state = json.dumps(dict(session.state)).encode()
    return StoredSession(session.digest, session.kind, session.subject, session.created, session.expires, state)
