"""How patients sign in, as the records database keeps it: nothing here opens a record or signs anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from consent.domain.terms import SubjectId


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One session of a browser.

    Attributes:
        digest: SHA-256 of the cookie's value, 32 bytes: whoever reads this row cannot use it.
        kind: what it may do (`consent.services.portal.sessions.SessionKind`).
        subject: who is signed in, None for a visitor.
        created: Unix seconds.
        expires: Unix seconds; from then on it is none.
        state: JSON of what the pages remember.
        mac: a keyed HMAC of the rest.
    """

    digest: bytes
    kind: str
    subject: SubjectId | None
    created: int
    expires: int
    state: bytes = b"{}"
    mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoredTicket:
    """What carries somebody to the other origin, once.

    Attributes:
        digest: SHA-256 of what stands in the link, 32 bytes.
        purpose: which page it leads to.
        session: digest of the session that asked for it.
        subject: who is signed in there, None for a visitor.
        expires: Unix seconds.
        state: JSON of what that page needs to know.
        mac: a keyed HMAC of the rest.
    """

    digest: bytes
    purpose: str
    session: bytes
    subject: SubjectId | None
    expires: int
    state: bytes = b"{}"
    mac: bytes | None = None


class Sessions(Protocol):
    """Sessions and tickets; both are short-lived."""

    def get(self, digest: bytes) -> StoredSession | None:
        """Return a session, however old."""

    def put(self, session: StoredSession) -> None:
        """Store a session, in the place of an earlier state of it."""

    def end(self, digest: bytes) -> None:
        """Delete a session and the tickets that it asked for."""

    def end_all(self, subject: SubjectId) -> None:
        """Delete every session and ticket of a subject."""

    def end_others(self, subject: SubjectId, digest: bytes) -> None:
        """Delete a subject's sessions and tickets, but for one session and what it asked for."""

    def add_ticket(self, ticket: StoredTicket) -> None:
        """Store a ticket."""

    def take_ticket(self, digest: bytes) -> StoredTicket | None:
        """Return a ticket and delete it: it counts once."""

    def clear(self, now: int) -> None:
        """Delete what has expired."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Lets whoever holds its code enrol as `subject` until `expires`; `digest` is the code's SHA-256."""

    digest: bytes
    subject: SubjectId
    expires: int
    mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class Passkey:
    """A WebAuthn credential: its id, its COSE public key and how often it signed, as it says itself."""

    credential: bytes
    subject: SubjectId
    public_key: bytes
    count: int
    mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoredSlot:
    """A wallet's seed as the browser encrypted it for one way in, sealed again under the subject's key.

    `id` is 32 bytes by which that way in finds it; `kind` is `passkey`, `passphrase` or `recovery`; `made` is Unix
    seconds, None of those from before this was kept.
    """

    id: bytes
    subject: SubjectId
    kind: str
    sealed: bytes
    made: int | None = None


class Accounts(Protocol):
    """What a subject signs in with, and what they answered."""

    def invite(self, invitation: Invitation) -> None:
        """Store an invitation in the place of the subject's earlier one."""

    def invitation(self, digest: bytes) -> Invitation | None:
        """Return an invitation, however old."""

    def uninvite(self, subject: SubjectId) -> None:
        """Delete a subject's invitation."""

    def add_passkey(self, passkey: Passkey) -> None:
        """Store a passkey."""

    def passkey(self, credential: bytes) -> Passkey | None:
        """Return a passkey by its credential's id."""

    def passkeys(self, subject: SubjectId) -> Sequence[Passkey]:
        """Return a subject's passkeys."""

    def count_passkey(self, credential: bytes, count: int) -> None:
        """Store how often a passkey has signed."""

    def add_slots(self, slots: Sequence[StoredSlot]) -> None:
        """Store slots."""

    def slot(self, slot: bytes) -> StoredSlot | None:
        """Return a slot by its id."""

    def slots(self, subject: SubjectId) -> Sequence[StoredSlot]:
        """Return a subject's slots."""

    def set_contact(self, subject: SubjectId, mac: bytes | None, sealed: bytes | None = None) -> None:
        """Store the keyed HMAC of a subject's address, and the sealed address, in the place of earlier ones.

        Without an HMAC both are deleted.
        """

    def contact(self, subject: SubjectId) -> bytes | None:
        """Return a subject's sealed address, None where none is kept."""

    def drop_slot(self, slot: bytes) -> None:
        """Delete a slot."""

    def drop_passkey(self, credential: bytes) -> None:
        """Delete a passkey."""

    def drop_ways(self, subject: SubjectId) -> None:
        """Delete a subject's slots, passkeys and invitation."""

    def by_contact(self, mac: bytes) -> Sequence[SubjectId]:
        """Return whose address this is; a family may share one."""

    def decline(self, subject: SubjectId, study: str) -> None:
        """Store that a subject said no to a study."""

    def declined(self, subject: SubjectId) -> frozenset[str]:
        """Return the studies that a subject said no to."""

    def undecline(self, subject: SubjectId, study: str) -> None:
        """Forget that a subject said no to a study."""

    def forget(self, subject: SubjectId) -> None:
        """Delete everything of a subject."""
