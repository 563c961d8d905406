"""Who can use a person's records now, and every consent that they gave: as the gate would decide, not as hoped."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from consent.domain.decision import (
    AccessRequest,
    Consent,
    KnownGrant,
    Permit,
    Reason,
    decide_for_each,
    ledger_refusal,
)
from consent.domain.details import Details, render
from consent.domain.receipt import Receipt
from consent.domain.study import Study
from consent.domain.terms import SubjectId
from consent.ports import Store, Unit
from consent.services.book import BookEntry, ConsentBook
from consent.services.granting import Granting
from consent.services.projection import LedgerProjection, Standings
from consent.services.studies.approved import as_approved

SOON: Final = timedelta(days=30)
_NO_SALT: Final = bytes(32)
"""The sentences do not depend on the salt, and nobody signs what is rendered here."""


class Status(StrEnum):
    """How a consent stands."""

    ON = "on"
    """The study can use the records now."""
    SOON = "soon"
    """So it can, and the consent ends within 30 days."""
    WAITING = "waiting"
    """Given, and not on the ledger for good yet."""
    IDLE = "idle"
    """In force, but of no use to the study as it was approved."""
    ENDED = "ended"
    STOPPED = "stopped"
    NEVER = "never"
    """It never came on the ledger."""


OPEN: Final = frozenset({Status.ON, Status.SOON})
"""Under these a study can use records."""
RUNNING: Final = OPEN | {Status.WAITING, Status.IDLE}
"""These can be stopped."""


@dataclass(frozen=True, slots=True)
class Given:
    """One consent, as its owner sees it.

    Attributes:
        id: the consent's random id.
        details: the four sentences, with a salt of zeros.
        since: when it was given.
        ends: its last day.
        stopped: when it was stopped, None while it was not.
        stopped_by: `patient` or `operator`.
        revoked: whether the ledger says so too.
    """

    id: str
    study: str
    title: str
    institution: str
    details: Details
    status: Status
    since: datetime | None
    ends: date
    stopped: datetime | None
    stopped_by: str
    revoked: bool
    commitment: str
    address: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Reads for one person at a time; nothing here opens a record. `max_staleness` in seconds."""

    store: Store
    book: ConsentBook
    projection: LedgerProjection
    granting: Granting
    max_staleness: int

    def trouble(self, now: datetime) -> Reason | None:
        """Say why nobody can use anybody's records at this moment, None where the ledger is known."""
        return ledger_refusal(self.projection.reading(), now, self.max_staleness)

    def running(self, subject: SubjectId, now: datetime) -> list[Given]:
        """Return what can be stopped, the newest first."""
        return [given for given in self.given(subject, now) if given.status in RUNNING]

    def given(self, subject: SubjectId, now: datetime, first: int = 0, most: int | None = None) -> list[Given]:
        """Return a person's consents, those that run first, else the newest first; `most` of them from `first` on."""
        with self.store.reading() as unit:
            standing = self._followed(unit)
            now = self.projection.later(now)
            studies = _Studies(unit, self.book)
            entries = [(self._status(e, standing, studies, now), e) for e in self.book.entries(subject)]
            entries.sort(key=lambda pair: (pair[0] not in RUNNING, -self.book.granted_at.get(pair[1].id, 0)))
            chosen = entries[first : None if most is None else first + most]
            return [self._given(unit, entry, status, standing) for status, entry in chosen]

    def count(self, subject: SubjectId) -> int:
        """Return how many consents a person ever gave."""
        with self.store.reading() as unit:
            self.book.follow(unit)
        return len(self.book.entries(subject))

    def one(self, subject: SubjectId, consent: str, now: datetime) -> Given | None:
        """Return one of a person's consents, None where they have no such."""
        with self.store.reading() as unit:
            standing = self._followed(unit)
            entry = next((entry for entry in self.book.entries(subject) if entry.id == consent), None)
            if entry is None:
                return None
            status = self._status(entry, standing, _Studies(unit, self.book), self.projection.later(now))
            return self._given(unit, entry, status, standing)

    def by_commitment(self, subject: SubjectId, commitment: bytes) -> str | None:
        """Return the id of a person's consent, None where they have no such."""
        return next((e.id for e in self.book.entries(subject) if e.commitment == commitment), None)

    def stop(self, subject: SubjectId, consents: Sequence[str], now: datetime) -> list[Receipt]:
        """Stop consents, whatever the ledger, the relayer or the key service does; what is stopped already stays so.

        Raises `UnknownConsentError` where one is somebody else's.
        """
        with self.store.reading() as unit:
            self.book.follow(unit)
        stopped = {entry.id for entry in self.book.entries(subject) if entry.stopped}
        return self.granting.stop(subject, [one for one in consents if one not in stopped], now)

    def stop_everything(self, subject: SubjectId, now: datetime) -> list[Receipt]:
        """Stop all of a person's consents that could still be used, now or later."""
        with self.store.reading() as unit:
            self.book.follow(unit)
        running = [e.id for e in self.book.entries(subject) if not e.stopped and now < e.terms.expires]
        return self.granting.stop(subject, running, now)

    def stop_receipt(self, subject: SubjectId, consent: str) -> Receipt | None:
        """Return the signed receipt of a stop again, as often as its owner likes; None where there was none."""
        with self.store.reading() as unit:
            self.book.follow(unit)  # another process may have stopped it
            entry = next((entry for entry in self.book.entries(subject) if entry.id == consent), None)
            index = self.book.stopped_at.get(consent)
            if entry is None or index is None:
                return None
            return self.granting.stop_receipt_of(unit, subject, entry, index)

    def _followed(self, unit: Unit) -> Standings:
        self.book.follow(unit)
        self.projection.refresh(unit)
        return self.projection.standings()

    def _status(self, entry: BookEntry, standing: Standings, studies: "_Studies", now: datetime) -> Status:
        expires, revoked = standing(entry.patient, entry.commitment)
        if entry.stopped or revoked:
            return Status.STOPPED
        if entry.id in self.book.undone and expires is None:  # others may have published what was given up here
            return Status.NEVER
        if now >= entry.terms.expires:
            return Status.ENDED
        if expires is None:
            return Status.WAITING
        grant = KnownGrant(entry.id, entry.terms, entry.commitment, entry.certified, expires)
        if not studies.can_use(grant, now):
            return Status.IDLE
        return Status.SOON if entry.terms.expires - now <= SOON else Status.ON

    def _given(self, unit: Unit, entry: BookEntry, status: Status, standing: Standings) -> Given:
        stop = _entry_at(unit, self.book.stopped_at.get(entry.id))
        since = _time(_entry_at(unit, self.book.granted_at.get(entry.id)))
        terms = entry.terms
        return Given(
            id=entry.id,
            study=terms.study.id,
            title=terms.study.title,
            institution=terms.study.institution,
            details=render(terms, _NO_SALT),
            status=status,
            since=since,
            ends=(terms.expires - timedelta(days=1)).date(),
            stopped=_time(stop),
            stopped_by=str(stop.get("actor", "")),
            revoked=standing(entry.patient, entry.commitment)[1],
            commitment=entry.commitment.hex(),
            address=entry.patient.hex(),
        )


class _Studies:
    """The studies that one answer needs, read once each, as they were approved or not at all."""

    def __init__(self, unit: Unit, book: ConsentBook) -> None:
        self._unit = unit
        self._book = book
        self._known: dict[str, Study | None] = {}

    def can_use(self, grant: KnownGrant, now: datetime) -> bool:
        """Say whether the study may do anything of what it was approved for under this grant alone."""
        study = self._study(grant.terms.study.id)
        if study is None:
            return False
        consent = Consent(grant.terms.subject, (grant,))
        return any(isinstance(decide_for_each(consent, request, now), Permit) for request in _requests(study, grant))

    def _study(self, study_id: str) -> Study | None:
        if study_id not in self._known:
            self._known[study_id] = as_approved(self._unit, study_id, self._book.approved)
        return self._known[study_id]


def _requests(study: Study, grant: KnownGrant) -> Iterable[AccessRequest]:
    for operation in study.operations:
        yield AccessRequest(
            subject=grant.terms.subject,
            study=study.reference.id,
            data_use=study.data_use,
            operation=operation,
            required=study.required,
            optional=study.optional,
            window=study.window,
        )


def _entry_at(unit: Unit, index: int | None) -> dict[str, Any]:
    if index is None:
        return {}
    [entry] = unit.log.entries(index, index + 1)
    found: dict[str, Any] = json.loads(entry.body)
    return found


def _time(entry: dict[str, Any]) -> datetime | None:
    return datetime.fromtimestamp(entry["time"], UTC) if entry else None
