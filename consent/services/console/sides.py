"""One consent from each side: the log's entry, the database's row, what its patient signed, the chain. Pure.

The log says that it was given and stopped, the row says so too, what was signed opens from the row, and the chain has a
commitment that what was signed renders to. `differences` names each way in which two of them do not agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from consent.domain.details import Details, DetailsMismatchError, render
from consent.domain.entry import blinded
from consent.domain.grant import PUBLISH_WITHIN_SECONDS, grant_digest
from consent.domain.signed_consent import SignedConsent
from consent.domain.terms import Terms
from consent.domain.typed_data import Recovery, SigningDomain
from consent.ports import ProjectedGrant, StoredConsent
from consent.services.auditing import STOP_WITHIN
from consent.services.console.chronicle import Given, Told


class Difference(StrEnum):
    """How two sides of a consent do not agree."""

    NOT_LOGGED = "not-logged"
    """A row of the database that no entry of the log tells of."""
    ROW_MISSING = "row-missing"
    """The log says that it was given, and the database has no row."""
    UNREADABLE = "unreadable"
    """What was signed does not open."""
    OTHER_WORDS = "other-words"
    """The terms do not render to sentences that are known here."""
    OTHER_SUBJECT = "other-subject"
    """Log, row and terms do not name the same person."""
    OTHER_STUDY = "other-study"
    """Log and terms do not name the same study."""
    OTHER_CATEGORIES = "other-categories"
    """Log and terms do not name the same kinds of record."""
    OTHER_COMMITMENT = "other-commitment"
    """The log's entry was made of another commitment or address."""
    SIGNATURE = "signature"
    """The address did not sign this."""
    CERTIFICATE = "certificate"
    """The enrolment key that was in force does not certify the address."""
    OTHER_EXPIRY = "other-expiry"
    """Terms, signature and chain do not end at the same second."""
    STOP_NOT_LOGGED = "stop-not-logged"
    """The row says stopped, the log does not."""
    STOP_NOT_STORED = "stop-not-stored"
    """The log says stopped, the row does not."""
    NOT_ON_CHAIN = "not-on-chain"
    """Given longer ago than a grant may wait, and the chain does not have it."""
    STOP_NOT_ON_CHAIN = "stop-not-on-chain"
    """Stopped more than a day ago, and the chain has it still."""


class ConsentState(StrEnum):
    """How a consent stands, by all sides together."""

    IN_FORCE = "in-force"
    WAITING = "waiting"
    """On its way to the chain."""
    STOPPED = "stopped"
    REVOKED = "revoked"
    """By its patient on the chain, past this installation."""
    EXPIRED = "expired"
    NEVER = "never"
    """The log says that it never came on the chain."""
    ILLEGIBLE = "illegible"
    """What was signed is missing or does not open, so that nobody can look for it on the chain."""
    GONE = "gone"
    """Its person was erased, or asked for it: it can be checked no longer."""


@dataclass(frozen=True, slots=True)
class Sides:
    """All that is known of one consent; None where a side says nothing.

    Attributes:
        id: the consent's random id.
        given: the log's entry that it was given.
        stopped: the log's entry that it was stopped.
        undone: the log's entry that it never came on the chain.
        row: of the database.
        signed: what its patient signed, as it opens.
        chain: what the chain has of its commitment.
        certified: whether the enrolment key that was in force then certifies the address.
        gone: whether its person asked to be erased.
        legible: whether what was signed is there to look it up by on the chain.
    """

    id: str
    given: Given | None = None
    stopped: Told | None = None
    undone: Told | None = None
    row: StoredConsent | None = None
    signed: SignedConsent | None = None
    chain: ProjectedGrant | None = None
    certified: bool = False
    gone: bool = False
    legible: bool = True

    @property
    def revoked(self) -> bool:
        """Whether the chain has an end of it."""
        return self.chain is not None and (self.chain.revoked_block, self.chain.dropped_block) != (None, None)

    @property
    def granted(self) -> bool:
        """Whether the chain has it."""
        return self.chain is not None and self.chain.granted_block is not None

    def details(self) -> Details | None:
        """Return the sentences that the terms render, None where they cannot be said here."""
        try:
            return _rendered(self.signed.terms, self.signed.salt) if self.signed else None
        except DetailsMismatchError:
            return None


@lru_cache(maxsize=16)
def _rendered(terms: Terms, salt: bytes) -> Details:
    """Render once what one consent is asked for several times."""
    return render(terms, salt)


def state_of(sides: Sides, now: int) -> ConsentState:
    """Say how a consent stands; what ends it counts before what is missing."""
    for holds, found in (
        (sides.gone, ConsentState.GONE),
        (sides.undone is not None, ConsentState.NEVER),
        (sides.stopped is not None, ConsentState.STOPPED),
        (sides.revoked, ConsentState.REVOKED),
        (not sides.legible, ConsentState.ILLEGIBLE),
        (not sides.granted, ConsentState.WAITING),
        (sides.chain is not None and (sides.chain.expires or 0) <= now, ConsentState.EXPIRED),
    ):
        if holds:
            return found
    return ConsentState.IN_FORCE


def differences(sides: Sides, recover: Recovery, domain: SigningDomain, now: int) -> tuple[Difference, ...]:
    """Return all differences between the sides of a consent whose person was not erased, in the order of `Difference`.

    `now` in Unix seconds: what may rightly be on its way to the chain is no difference.
    """
    if sides.gone:
        return ()
    found = {*_of_rows(sides), *_of_what_was_signed(sides, recover, domain), *_of_the_chain(sides, now)}
    return tuple(one for one in Difference if one in found)


def _of_rows(sides: Sides) -> Iterator[Difference]:
    if sides.given is None:
        yield Difference.NOT_LOGGED
    if sides.row is None:
        yield Difference.ROW_MISSING
    elif sides.row.stopped != (sides.stopped is not None):
        yield Difference.STOP_NOT_LOGGED if sides.row.stopped else Difference.STOP_NOT_STORED


def _of_what_was_signed(sides: Sides, recover: Recovery, domain: SigningDomain) -> Iterator[Difference]:
    if sides.row is None:
        return
    signed, details = sides.signed, sides.details()
    if signed is None or details is None:
        yield Difference.UNREADABLE if signed is None else Difference.OTHER_WORDS
        return
    digest = grant_digest(domain, details.commitment, signed.patient, signed.expires, signed.publish_by)
    if recover(digest, signed.signature) != signed.patient:
        yield Difference.SIGNATURE
    if not sides.certified:
        yield Difference.CERTIFICATE
    if len(_ends(sides, signed)) > 1:
        yield Difference.OTHER_EXPIRY
    if signed.terms.subject != sides.row.subject:
        yield Difference.OTHER_SUBJECT
    if sides.given is not None:
        yield from _of_the_entry(sides.given, sides.row, signed, details)


def _ends(sides: Sides, signed: SignedConsent) -> set[int]:
    """Return the seconds at which it ends, by each side that says one."""
    on_chain = {sides.chain.expires} if sides.chain and sides.chain.expires is not None else set[int]()
    return {int(signed.terms.expires.timestamp()), signed.expires, *on_chain}


def _of_the_entry(given: Given, row: StoredConsent, signed: SignedConsent, details: Details) -> Iterator[Difference]:
    if given.subject != row.subject:
        yield Difference.OTHER_SUBJECT
    if given.study != signed.terms.study.id:
        yield Difference.OTHER_STUDY
    if given.categories != tuple(sorted(signed.terms.categories)):
        yield Difference.OTHER_CATEGORIES
    if given.private != blinded(signed.entry_key, details.commitment, signed.patient):
        yield Difference.OTHER_COMMITMENT


_GRACE: Final = 3600
"""Seconds that the ledger's process may need to see what is there."""


def _of_the_chain(sides: Sides, now: int) -> Iterator[Difference]:
    if not sides.legible:
        return
    given, stopped = sides.given, sides.stopped
    ended = stopped is not None or sides.undone is not None or sides.revoked
    if given is not None and not sides.granted and not ended and now > given.time + PUBLISH_WITHIN_SECONDS + _GRACE:
        yield Difference.NOT_ON_CHAIN
    if stopped is not None and sides.granted and not sides.revoked and now > stopped.time + STOP_WITHIN + _GRACE:
        yield Difference.STOP_NOT_ON_CHAIN
