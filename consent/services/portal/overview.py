"""Who can use a person's records now, and every consent that they gave: as the gate would decide, not as hoped."""

import json
from collections.abc import Iterable, Mapping, Sequence
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
from consent.domain.terms import Category, Operation, SubjectId
from consent.ports import Store, Unit
from consent.services.book import BookEntry, ConsentBook
from consent.services.granting import Granting
from consent.services.portal.studies import ApprovedStudies
from consent.services.projection import LedgerProjection, Standings

SOON: Final = timedelta(days=30)
_NO_SALT: Final = bytes(32)
"""The sentences do not depend on the salt, and nobody signs what is rendered here."""
_NOWHERE: Final = -1


class Status(StrEnum):
    """How a consent stands."""

    ON = "on"
    """The study can use the records now."""
    SOON = "soon"
    """So it can, and the consent ends within 30 days."""
    HELD = "held"
    """In force, and nobody can use anything as long as the ledger is not known."""
    WAITING = "waiting"
    """Given, and not on the ledger for good yet."""
    IDLE = "idle"
    """In force, but of no use to the study as it was approved."""
    CHANGED = "changed"
    """In force, for a text that the study has changed since: until its patient reads the new one it gets nothing."""
    CLOSED = "closed"
    """The study was closed."""
    ENDED = "ended"
    STOPPED = "stopped"
    NEVER = "never"
    """It never came on the ledger."""


OPEN: Final = frozenset({Status.ON, Status.SOON})
"""Under these a study can use records."""
RUNNING: Final = OPEN | {Status.HELD, Status.WAITING, Status.IDLE, Status.CHANGED}
"""These can be stopped."""


@dataclass(frozen=True, slots=True)
class Given:
    """One consent, as its owner sees it.

    Attributes:
        id: the consent's random id.
        details: the four sentences, with a salt of zeros.
        categories: what it allows of what the study asks for.
        since: when it was given.
        ends: its last day.
        operations: what the study may do with the records.
        language: in which it was given; title and details are in it.
        stopped: when it was stopped, None while it was not.
        stopped_by: `patient` or `operator`.
        revoked: whether the ledger says so too.
    """

    id: str
    study: str
    title: str
    institution: str
    details: Details
    categories: frozenset[Category]
    status: Status
    since: datetime | None
    ends: date
    stopped: datetime | None
    stopped_by: str
    revoked: bool
    commitment: str
    address: str
    operations: frozenset[Operation] = frozenset()
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Shown:
    """Some of a person's consents.

    Attributes:
        given: those of one page.
        total: how many there are on all pages.
        using: how many studies can use records now.
        page: which page this is.
        pages: of how many.
    """

    given: Sequence[Given]
    total: int
    using: int
    page: int = 1
    pages: int = 1


@dataclass(frozen=True, slots=True)
class Overview:
    """Reads for one person at a time; nothing here opens a record. `max_staleness` in seconds."""

    store: Store
    book: ConsentBook
    projection: LedgerProjection
    granting: Granting
    studies: ApprovedStudies
    max_staleness: int

    def trouble(self, now: datetime) -> Reason | None:
        """Say why nobody can use anybody's records at this moment, None where the ledger is known."""
        return ledger_refusal(self.projection.reading(), now, self.max_staleness)

    def running(self, subject: SubjectId, now: datetime, most: int | None = None) -> Shown:
        """Return what can be stopped, the newest first, `most` of it."""
        with self.store.reading() as unit:
            view = self._view(unit, subject, now)
            standing = [(view.status(entry), entry) for entry in self.book.entries(subject)]
            running = self._sorted([pair for pair in standing if pair[0] in RUNNING])
            return Shown(view.told(running[:most]), len(running), _using(running))

    def given(self, subject: SubjectId, now: datetime, page: int, size: int) -> Shown:
        """Return a page of a person's consents, those that run first, else the newest first; the last if it is none."""
        with self.store.reading() as unit:
            view = self._view(unit, subject, now)
            standing = self._sorted([(view.status(entry), entry) for entry in self.book.entries(subject)])
            pages = max(1, -(-len(standing) // size))
            page = min(max(1, page), pages)
            given = view.told(standing[(page - 1) * size : page * size])
            return Shown(given, len(standing), _using(standing), page, pages)

    def one(self, subject: SubjectId, consent: str, now: datetime) -> Given | None:
        """Return one of a person's consents, None where they have no such."""
        with self.store.reading() as unit:
            view = self._view(unit, subject, now)
            chosen = [(view.status(entry), entry) for entry in self.book.entries(subject) if entry.id == consent]
            return next(iter(view.told(chosen)), None)

    def by_commitment(self, subject: SubjectId, commitment: bytes) -> str | None:
        """Return the id of a person's consent, None where they have no such."""
        return next((e.id for e in self.book.entries(subject) if e.commitment == commitment), None)

    def stop(self, subject: SubjectId, consents: Sequence[str], now: datetime) -> list[Receipt]:
        """Stop consents, whatever the ledger, the relayer or the key service does; what is stopped already stays so.

        Raises `UnknownConsentError` where one is somebody else's.
        """
        return self.granting.stop(subject, consents, now, again=False)

    def stop_everything(self, subject: SubjectId, now: datetime) -> list[Receipt]:
        """Stop all of a person's consents that could still be used, now or later."""
        with self.store.reading() as unit:
            self.book.follow(unit)
        running = [e.id for e in self.book.entries(subject) if not e.stopped and now < e.terms.expires]
        return self.granting.stop(subject, running, now, again=False)

    def stop_receipt(self, subject: SubjectId, consent: str) -> Receipt | None:
        """Return the signed receipt of a stop again, as often as its owner likes; None where there was none."""
        with self.store.reading() as unit:
            self.book.follow(unit)
            entry = next((entry for entry in self.book.entries(subject) if entry.id == consent), None)
            index = self.book.stopped_at.get(consent)
            if entry is None or index is None:
                return None
            return self.granting.receipt_of(unit, subject, entry, index)

    def _view(self, unit: Unit, subject: SubjectId, now: datetime) -> "_View":
        self.book.follow(unit)
        self.projection.refresh(unit)
        known, later = self.trouble(now) is None, self.projection.later(now)
        lasting = {e.terms.study.id for e in self.book.entries(subject) if not e.stopped and later < e.terms.expires}
        studies = self.studies.all(unit, lasting)
        return _View(unit, self.book, self.projection.standings(), studies, later, known)

    def _sorted(self, pairs: Iterable["_Pair"]) -> list["_Pair"]:
        """Put those that run first, else the newest."""
        granted = self.book.granted_at
        return sorted(pairs, key=lambda pair: (pair[0] not in RUNNING, -granted.get(pair[1].id, 0)))


_Pair = tuple[Status, BookEntry]


@dataclass(frozen=True, slots=True)
class _View:
    """What one answer goes by: the book and the ledger as they are, and whether the ledger is known."""

    unit: Unit
    book: ConsentBook
    ledger: Standings
    studies: Mapping[str, Study]
    now: datetime
    known: bool

    def status(self, entry: BookEntry) -> Status:
        """Say how a consent stands."""
        if entry.stopped:
            return Status.STOPPED
        expires, revoked = self.ledger(entry.patient, entry.commitment)
        if revoked:
            return Status.STOPPED
        if entry.id in self.book.undone and expires is None:  # others may have published what was given up here
            return Status.NEVER
        if self.now >= entry.terms.expires:
            return Status.ENDED
        return self._lasting(entry, expires)

    def _lasting(self, entry: BookEntry, expires: int | None) -> Status:
        """Say how a consent stands that has not ended and that nobody stopped."""
        if entry.terms.study.id in self.book.closed:
            return Status.CLOSED
        if expires is None:
            return Status.WAITING
        grant = KnownGrant(entry.id, entry.terms, entry.commitment, entry.certified, expires)
        if not self._can_be_used(grant):
            study = self.studies.get(entry.terms.study.id)
            return Status.CHANGED if study and entry.terms.text_hash not in study.texts else Status.IDLE
        if not self.known:
            return Status.HELD
        return Status.SOON if entry.terms.expires - self.now <= SOON else Status.ON

    def _can_be_used(self, grant: KnownGrant) -> bool:
        """Say whether the study may do anything of what it was approved for under this grant alone."""
        study = self.studies.get(grant.terms.study.id)
        if study is None:
            return False
        consent = Consent(grant.terms.subject, (grant,))
        requests = _requests(study, grant)
        return any(isinstance(decide_for_each(consent, request, self.now), Permit) for request in requests)

    def told(self, pairs: Sequence[_Pair]) -> list[Given]:
        """Return consents as their owner sees them; their entries of the log are read together."""
        at = (self.book.granted_at, self.book.stopped_at)
        indices = {places[entry.id] for _, entry in pairs for places in at if entry.id in places}
        bodies = {index: json.loads(entry.body) for index, entry in self.unit.log.some(indices).items()}
        return [self._given(status, entry, bodies) for status, entry in pairs]

    def _given(self, status: Status, entry: BookEntry, bodies: Mapping[int, Mapping[str, Any]]) -> Given:
        stop = bodies.get(self.book.stopped_at.get(entry.id, _NOWHERE), {})
        terms = entry.terms
        return Given(
            id=entry.id,
            study=terms.study.id,
            title=terms.study.title,
            institution=terms.study.institution,
            details=render(terms, _NO_SALT),
            categories=self._categories(entry),
            status=status,
            since=_time(bodies.get(self.book.granted_at.get(entry.id, _NOWHERE), {})),
            ends=(terms.expires - timedelta(days=1)).date(),
            stopped=_time(stop),
            stopped_by=str(stop.get("actor", "")),
            revoked=self.ledger(entry.patient, entry.commitment)[1],
            commitment=entry.commitment.hex(),
            address=entry.patient.hex(),
            operations=terms.operations,
            language=terms.language,
        )

    def _categories(self, entry: BookEntry) -> frozenset[Category]:
        study = self.studies.get(entry.terms.study.id)
        return entry.terms.categories & (study.required | study.optional if study else entry.terms.categories)


def _using(pairs: Sequence[_Pair]) -> int:
    return len({entry.terms.study.id for status, entry in pairs if status in OPEN})


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
            texts=study.texts,
        )


def _time(body: Mapping[str, Any]) -> datetime | None:
    return datetime.fromtimestamp(body["time"], UTC) if body else None
