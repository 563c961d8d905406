"""Decide whether one access is consented to. Pure: no clock, no chain, no database."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import lru_cache

from consent.domain.data_use import DataUse, Match, Outcome, match
from consent.domain.terms import Category, Operation, SubjectId, Terms, Window


class Reason(IntEnum):
    """Why an access is refused; the larger, the closer the best grant came. The name is what logs and people see."""

    NO_GRANT = 1
    """The subject never granted anything to anyone."""
    SUBJECT = 2
    """The terms are about another subject than the record."""
    UNCERTIFIED = 3
    """The subject's enrolment key does not certify the address that signed."""
    STUDY = 4
    """The grant is for another study."""
    OPERATION = 5
    """The grant does not allow what is to be done."""
    PURPOSE = 6
    """The study's purpose is not one that the patient allowed."""
    PURPOSE_UNRESOLVED = 7
    """A person must look at the study's purpose, and nobody has."""
    CATEGORY = 8
    """A category that the access cannot do without is not allowed."""
    WINDOW = 9
    """No day of records is both asked for and allowed."""
    TEXT = 10
    """The study's text has changed since the patient read it."""
    NOT_FINAL = 11
    """The grant is not final on the ledger yet."""
    EXPIRED = 12
    """The grant has run out."""
    REVOKED = 13
    """The patient revoked the grant on the ledger."""
    STOPPED = 14
    """The patient or the operator stopped it here; the ledger follows."""
    STUDY_CLOSED = 15
    """The study was closed, for good: nobody's grant to it counts any more."""
    BLOCKED = 16
    """The subject asked to be erased."""
    LEDGER_STALE = 17
    """The ledger was not read recently enough to decide anything."""
    LEDGER_MISMATCH = 18
    """The ledger's history is not what its events fold to; nothing is decided on it."""


@dataclass(frozen=True, slots=True)
class KnownGrant:
    """One signed grant, and what the ledger and this installation say of it.

    Attributes:
        consent: the random id under which the consent is stored; it appears in the log.
        terms: what was agreed to.
        commitment: 32 bytes, as on chain.
        certified: whether the subject's enrolment key certifies the signing address.
        expires: as on the ledger, Unix seconds; None while no final block holds the grant.
        revoked: whether any block seen holds a revocation.
        stopped: whether a stop was acknowledged here.
    """

    consent: str
    terms: Terms
    commitment: bytes
    certified: bool
    expires: int | None
    revoked: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """All that is known of one subject's grants; `blocked` from the moment they ask to be erased."""

    subject: SubjectId
    grants: tuple[KnownGrant, ...] = ()
    blocked: bool = False


def same(term: str, ancestor: str) -> bool:
    """Stand for an ontology that knows no broader terms: a disease is only itself."""
    return term == ancestor


ANY_DAY = Window()
"""A window that is open at both ends."""


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What somebody wants to do with one subject's records.

    Attributes:
        subject: whose records.
        study: the study's id.
        data_use: the study's purpose.
        operation: what is to be done.
        required: categories without which the access is pointless; one that is refused refuses it all.
        optional: categories that are used where allowed.
        window: which days of records.
        texts: SHA-256 of the study's text, hex, one in each language that it is in; a grant counts for the text that
            its patient read. Empty where no text is looked at.
        closed: whether the study was closed.
        is_a: `is_a(x, ancestor)`: whether disease x is a kind of `ancestor`.
    """

    subject: SubjectId
    study: str
    data_use: DataUse
    operation: Operation
    required: frozenset[Category]
    optional: frozenset[Category] = frozenset()
    window: Window = ANY_DAY
    texts: frozenset[str] = frozenset()
    closed: bool = False
    is_a: Callable[[str, str], bool] = field(default=same, compare=False)


@dataclass(frozen=True, slots=True)
class Permit:
    """The access is consented to by `commitment`, for these categories and days and no others."""

    commitment: bytes
    consent: str
    categories: frozenset[Category]
    window: Window


@dataclass(frozen=True, slots=True)
class Deny:
    """The access is refused; `reason` is safe to show to anyone who asks."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class LedgerReading:
    """How current and true our copy of the ledger is: Unix seconds of the last good read and of its newest block."""

    read_at: int
    block_time: int
    matches: bool


def decide(consent: Consent, request: AccessRequest, now: datetime) -> Permit | Deny:
    """Permit the access under the first grant that covers it; otherwise give the reason that came closest."""
    if consent.subject != request.subject:
        return Deny(Reason.SUBJECT)
    return decide_for_each(consent, request, now)


def decide_for_each(consent: Consent, request: AccessRequest, now: datetime) -> Permit | Deny:
    """Decide as `decide` does, on an access that many people are asked for alike: `request.subject` is not looked at.

    Each consent is judged for its own subject, as its terms name it.
    """
    if consent.blocked:
        return Deny(Reason.BLOCKED)
    if request.closed:
        return Deny(Reason.STUDY_CLOSED)
    closest = Reason.NO_GRANT
    for grant in consent.grants:
        refusal = _scope_refusal(grant, request, consent.subject) or _force_refusal(grant, now)
        if refusal is None:
            categories = grant.terms.categories & (request.required | request.optional)
            return Permit(grant.commitment, grant.consent, categories, _common(grant.terms.window, request.window))
        closest = max(closest, refusal)
    return Deny(closest)


def ledger_refusal(reading: LedgerReading, now: datetime, max_staleness: int) -> Reason | None:
    """Say why nothing may be decided on this reading of the ledger, or None; `max_staleness` in seconds."""
    if not reading.matches:
        return Reason.LEDGER_MISMATCH
    age = now.timestamp() - min(reading.read_at, reading.block_time)
    ahead = reading.read_at - now.timestamp()  # read under a clock that was set back since: nobody knows how old it is
    if age > max_staleness or ahead > max_staleness:
        return Reason.LEDGER_STALE
    return None


def _scope_refusal(  # noqa: PLR0911  # a guard a rule
    grant: KnownGrant, request: AccessRequest, subject: SubjectId
) -> Reason | None:
    """Say why the grant does not cover the access to this subject's records, whatever the ledger says."""
    terms = grant.terms
    if terms.subject != subject:
        return Reason.SUBJECT
    if not grant.certified:
        return Reason.UNCERTIFIED
    if terms.study.id != request.study:
        return Reason.STUDY
    if request.operation not in terms.operations:
        return Reason.OPERATION
    purpose = _match(terms.data_use, request.data_use, request.is_a).outcome
    if purpose is not Outcome.APPROVE:
        return Reason.PURPOSE if purpose is Outcome.DENY else Reason.PURPOSE_UNRESOLVED
    if not request.required <= terms.categories or not (request.required or terms.categories & request.optional):
        return Reason.CATEGORY
    if not terms.window.intersects(request.window):
        return Reason.WINDOW
    if request.texts and terms.text_hash not in request.texts:
        return Reason.TEXT
    return None


def _force_refusal(grant: KnownGrant, now: datetime) -> Reason | None:
    """Say why the grant is not in force now."""
    if grant.stopped:
        return Reason.STOPPED
    if grant.revoked:
        return Reason.REVOKED
    if now >= grant.terms.expires:
        return Reason.EXPIRED
    if grant.expires is None:
        return Reason.NOT_FINAL
    if now.timestamp() >= grant.expires:
        return Reason.EXPIRED
    return None


@lru_cache(maxsize=4096)
def _match(permitted: DataUse, requested: DataUse, is_a: Callable[[str, str], bool]) -> Match:
    """Match once for each pair: a study meets the same few purposes thousands of times."""
    return match(permitted, requested, is_a)


def _common(one: Window, other: Window) -> Window:
    if other.start is None and other.end is None:
        return one
    starts = [w.start for w in (one, other) if w.start]
    ends = [w.end for w in (one, other) if w.end]
    return Window(max(starts, default=None), min(ends, default=None))
