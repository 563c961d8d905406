"""What a study could read at a time: judged as the gate judges, by what log and chain said then.

The log's order counts: an entry that was written counts from its place on. The chain's blocks count by their times;
where the time of a block is not known here, the answer says for whom that leaves it open.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from consent.domain.decision import AccessRequest, Consent, Deny, KnownGrant, Permit, decide_for_each
from consent.domain.errors import ConsentError
from consent.domain.study import Study
from consent.domain.study_acts import CLOSED
from consent.domain.terms import Category, Operation, SubjectId
from consent.ports import Store
from consent.services.book import BookEntry, ConsentBook
from consent.services.console.chronicle import Chronicle, Told
from consent.services.console.dating import Moments, first_after
from consent.services.console.known_blocks import known_blocks
from consent.services.projection import LAST_SECOND, LedgerProjection, Standing, Standings


class NotYetError(ConsentError):
    """This day has not come yet: ask about today, or about a day of the past."""


class UnknownStudyThenError(ConsentError):
    """The log knows no such study: choose one that was approved."""


Decided = Mapping[Operation, Permit | Deny]


@dataclass(frozen=True, slots=True)
class Readable:
    """One person whose records the study could read: under which consent, which kinds, for what.

    `certain` is False where only the time of a block decides, and it is not known here.
    """

    subject: SubjectId
    consent: str
    categories: frozenset[Category]
    operations: tuple[Operation, ...]
    since: int
    certain: bool


@dataclass(frozen=True, slots=True)
class AsOf:
    """What a study could read at one second.

    Attributes:
        study: the study's id.
        second: Unix seconds.
        size: how many entries the log had.
        blocks: the newest block that surely stood then, and the newest that may have.
        definition: SHA-256 of what was approved then, hex; empty where nothing was.
        closed: whether the study was closed by then.
        kept: whether what the study said then is what is kept; where it was changed since, it is judged as it is now.
        readable: whose records it could read, by pseudonym.
        refused: how many people it could not read, by the reason that came closest.
        erased: how many had agreed by then and were erased since: nobody can tell any more what to.
    """

    study: str
    second: int
    size: int
    blocks: tuple[int, int]
    definition: str
    closed: bool
    kept: bool
    readable: Sequence[Readable]
    refused: Mapping[str, int]
    erased: int

    def of_category(self) -> Mapping[Category, int]:
        """Return of how many people the study could read each kind of record."""
        return Counter(category for one in self.readable for category in one.categories)

    def of_operation(self) -> Mapping[Operation, int]:
        """Return for how many people it could do each thing."""
        return Counter(operation for one in self.readable for operation in one.operations)


@dataclass(frozen=True, slots=True)
class Past:
    """Answers for one time; `ask` gives the time of a block, where a chain can be asked."""

    store: Store
    book: ConsentBook
    projection: LedgerProjection
    chronicle: Chronicle
    clock: Callable[[], datetime]
    ask: Callable[[int], int | None] = lambda _: None

    def studies(self) -> list[str]:
        """Return the studies that were ever approved."""
        with self.store.reading() as unit:
            self.chronicle.follow(unit)
        return sorted(self.chronicle.studies)

    def at(self, study_id: str, second: int) -> AsOf:
        """Say what a study could read at a second; raise `NotYetError` or `UnknownStudyThenError`."""
        if second > int(self.clock().timestamp()):
            raise NotYetError("nobody knows yet what a study may read on a day to come")
        with self.store.reading() as unit:
            self.book.follow(unit)
            self.projection.refresh(unit)
            self.chronicle.follow(unit)
            if study_id not in self.chronicle.studies:
                raise UnknownStudyThenError("the log knows no such study")
            size, study = first_after(unit.log, second), unit.studies.get(study_id)
            blocks = Moments.of(known_blocks(unit, self.projection), self.ask).around(second)
        return self._answer(study_id, study, second, size, blocks)

    def _answer(
        self, study_id: str, study: Study | None, second: int, size: int, blocks: tuple[int, int]
    ) -> AsOf:  # fmt: skip
        turns = [told for index, told in self.chronicle.studies[study_id].items() if index < size]
        definition, closed = _definition(turns), any(told.verdict == CLOSED for told in turns)
        then = _Then(self.book, self.chronicle, size, datetime.fromtimestamp(min(second, LAST_SECOND), UTC))
        kept = study is not None and study.hash() == definition
        asked = _asked(study, closed=closed, kept=kept) if study and definition else {}
        ledgers = [self.projection.as_of(block) for block in dict.fromkeys(blocks)]
        readable, refused, erased = list[Readable](), Counter[str](), 0
        for subject in then.people(study_id):
            if subject in self.book.blocked and not then.was_blocked(subject):
                erased += 1
                continue
            found = [_decided(then.consent(subject, ledger), asked, then.now) for ledger in ledgers]
            one = _readable(subject, found, self.chronicle)
            if one is None:
                refused[_reason(found)] += 1
            else:
                readable.append(one)
        return AsOf(study_id, second, size, blocks, definition, closed, kept, readable, refused, erased)


@dataclass(frozen=True, slots=True)
class _Then:
    """Book and log as they stood before the entry at `size`."""

    book: ConsentBook
    chronicle: Chronicle
    size: int
    now: datetime

    def people(self, study_id: str) -> Iterator[SubjectId]:
        """Yield who had agreed to the study by then, each once."""
        given = self.chronicle.given.values()
        yield from dict.fromkeys(one.subject for one in given if one.study == study_id and one.index < self.size)

    def was_blocked(self, subject: SubjectId) -> bool:
        """Say whether nobody read a person's records any more then."""
        blocked = self.chronicle.blocked_at(subject)
        return blocked is not None and blocked < self.size

    def consent(self, subject: SubjectId, ledger: Standings) -> Consent:
        """Put together what was known of a person's grants."""
        entries = [entry for entry in self.book.entries(subject) if self._was_given(entry)]
        grants = tuple([self._known(entry, ledger(entry.patient, entry.commitment)) for entry in entries])
        return Consent(subject, grants, self.was_blocked(subject))

    def _was_given(self, entry: BookEntry) -> bool:
        given = self.chronicle.given.get(entry.id)
        return given is not None and given.index < self.size

    def _known(self, entry: BookEntry, standing: Standing) -> KnownGrant:
        expires, revoked = standing
        stopped = self.chronicle.stopped.get(entry.id)
        was_stopped = stopped is not None and stopped.index < self.size
        return KnownGrant(entry.id, entry.terms, entry.commitment, entry.certified, expires, revoked, was_stopped)


def _asked(study: Study, *, closed: bool, kept: bool) -> Mapping[Operation, AccessRequest]:
    """Return what the study asked of everybody; of one that was changed since, no text is held against consents."""
    request = AccessRequest(
        subject=SubjectId(""),
        study=study.reference.id,
        data_use=study.data_use,
        operation=Operation.TRAIN,
        required=study.required,
        optional=study.optional,
        window=study.window,
        texts=study.texts if kept else frozenset(),
        closed=closed,
    )
    return {operation: replace(request, operation=operation) for operation in sorted(study.operations)}


def _decided(consent: Consent, asked: Mapping[Operation, AccessRequest], now: datetime) -> Decided:
    return {operation: decide_for_each(consent, request, now) for operation, request in asked.items()}


def _definition(turns: Sequence[Told]) -> str:
    """Return what was approved last, empty where nothing was."""
    approving = [told for told in turns if told.verdict != CLOSED]
    return str(approving[-1].facts.get("definition", "")) if approving else ""


def _readable(subject: SubjectId, found: Sequence[Decided], chronicle: Chronicle) -> Readable | None:
    """Return what was permitted of a person's records under any view of the chain, None where nothing was."""
    permits = [_permits(decided) for decided in found]
    widest = max(permits, key=len, default={})
    if not widest:
        return None
    first = next(iter(widest.values()))
    categories = frozenset(category for permit in widest.values() for category in permit.categories)
    since = chronicle.given[first.consent].time
    return Readable(subject, first.consent, categories, tuple(widest), since, all(one == widest for one in permits))


def _permits(decided: Decided) -> dict[Operation, Permit]:
    return {operation: one for operation, one in decided.items() if isinstance(one, Permit)}


def _reason(found: Sequence[Decided]) -> str:
    """Return the name of the reason that came closest; of a study that was not approved, that."""
    reasons = [one.reason for decided in found for one in decided.values() if isinstance(one, Deny)]
    return max(reasons).name if reasons else "STUDY_NOT_APPROVED"
