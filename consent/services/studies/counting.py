"""Counts: how many of those who allow being counted are in a cohort, as one disclosed number.

Nobody else is asked, opened or named. Who is opened has an entry in the log before that; how many they are is added to
noise before anybody sees it (`analytics.disclosure`), and what it may tell in all is bounded (`count_budget`).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics import CohortQuery
from analytics.cohort_table import CohortTable
from analytics.disclosure import Disclosed
from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.hashing import Json
from consent.domain.study import Study
from consent.domain.terms import SubjectId
from consent.ports import Store
from consent.services.acts import COUNTING
from consent.services.book import ConsentBook
from consent.services.log import Log
from consent.services.preferences import Preferences
from consent.services.studies.approved import StudyNotApprovedError, open_study
from consent.services.studies.count_budget import Answered, CountBudget, CountRefusedError
from consent.services.studies.openings import keyed
from consent.services.studies.rows import permitted_resources
from consent.services.studies.snapshots import Cells, Snapshots
from vault import Access, Admission, Admitted, Opening, Refused, Vault

_AT_ONCE: Final = 1000
"""People whose entries are written in one transaction, so that nobody else who writes waits long."""


class CategoryNotAskedError(CountRefusedError):
    """The query reads a category that the study never asked for; leave that condition out."""


@dataclass(frozen=True, slots=True)
class Counting:
    """Counting for the studies of this installation."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    preferences: Preferences
    budget: CountBudget
    clock: Callable[[], datetime]

    def count(self, study_id: str, query: CohortQuery, snapshots: Snapshots | None = None) -> Disclosed:
        """Count a cohort for a study, or repeat what it was told within the period.

        What is in memory is looked at where there are `snapshots`; else everybody who allows it is opened for this.

        Raises `BudgetSpentError`, `CategoryNotAskedError` where the query reads a category that the study never asked
        for, `StudyNotApprovedError`, and `SnapshotNotReadyError`.
        """
        with self.store.reading() as unit:
            if snapshots is not None:
                self.book.follow(unit)
                snapshots.forget(self.book.closed)
            study = open_study(unit, study_id)
            spending = self.budget.spending(unit, study_id, self.clock())
        require_asked(study, query)
        if held := spending.answer(query.id):
            return _disclosed(held)
        spending.require()
        cells = self._opened(study, query) if snapshots is None else snapshots.of(study).asked(query)
        with self.store.begin() as unit:
            inside, outside = cells(self.preferences.counted(unit))

            def draw() -> dict[str, Json]:
                return Disclosed.of(inside, outside, self.budget.rules.epsilon).to_json()

            answered = self.budget.settle(unit, study_id, query.id, draw, self.clock())
        return _disclosed(answered)

    def table(self, study: Study) -> CohortTable:
        """Open those who allow being counted, an entry each, for all that a study asks for.

        Of whom a resource cannot be read, nothing is counted.

        Raises `StudyNotApprovedError` where the study is changed or closed meanwhile.
        """
        asked = frozenset(category.value for category in study.required | study.optional)
        opened = ((one.subject, permitted_resources(one)) for one in self._read(study, asked))
        table = CohortTable.built(opened, asked)
        return table.kept(table.readable())

    def left(self, study_id: str) -> float:
        """Return how much epsilon a study may still spend now."""
        with self.store.reading() as unit:
            return self.budget.spending(unit, study_id, self.clock()).left

    def _opened(self, study: Study, query: CohortQuery) -> Cells:
        """Open those who allow being counted; return what counts those of them who still do."""
        members = {
            SubjectId(one.subject): query.index_of(permitted_resources(one), one.admitted.categories) is not None
            for one in self._read(study, query.categories)
        }

        def cells(counted: AbstractSet[SubjectId]) -> tuple[int, int]:
            found = Counter(inside for subject, inside in members.items() if subject in counted)
            return found[True], found[False]

        return cells

    def _read(self, study: Study, categories: frozenset[str]) -> Iterator[Opening]:
        """Yield those who allow being counted, opened for these categories; the gate is asked for some at a time."""
        with self.store.reading() as unit:
            allowed = self.preferences.counted(unit)
            asked = [subject for subject in keyed(unit, self.vault) if subject in allowed]
        gate = _CountGate(self, study)
        access = Access(f"study:{study.reference.id}", study.reference.id, COUNTING, frozenset(), categories)
        for first in range(0, len(asked), _AT_ONCE):
            with self.store.reading() as unit:
                yield from self.vault.read(unit.connection, gate, access, asked[first : first + _AT_ONCE])


@dataclass(frozen=True, slots=True)
class _CountGate:
    """Admits who allows being counted when it is asked, to the days that the study is about, and logs each of them.

    Who does not allow it, also since a moment ago, gets no entry: nobody asked to be named for that. A study that is
    changed or closed while people are read opens nobody more.
    """

    counting: Counting
    study: Study

    def admit(self, subjects: Sequence[str], access: Access) -> Admission:
        """Write one entry for each that is admitted, on disk before this returns; raise `StudyNotApprovedError`."""
        here, window = self.counting, self.study.window
        admitted = Admitted(access.optional, window.start, window.end, b"")
        with here.store.begin() as unit:
            if open_study(unit, access.study).hash() != self.study.hash():
                raise StudyNotApprovedError("the study was changed just now: ask again")
            allowed = here.preferences.counted(unit)
            time = int(here.clock().timestamp())
            here.log.append(unit, [_entry(SubjectId(s), access, time) for s in subjects if s in allowed])
        return {subject: admitted if subject in allowed else Refused("NOT_COUNTED") for subject in subjects}


def _entry(subject: SubjectId, access: Access, time: int) -> Entry:
    return Entry(
        time,
        access.actor,
        Action.READ,
        PERMIT,
        subject,
        study=access.study,
        operation=access.operation,
        categories=tuple(sorted(access.optional)),
    )


def _disclosed(answered: Answered) -> Disclosed:
    assert isinstance(answered.answer, Mapping)  # noqa: S101  # as `Disclosed.to_json` wrote it
    return Disclosed.from_json(answered.answer)


def require_asked(study: Study, query: CohortQuery) -> None:
    """Raise `CategoryNotAskedError` where a query reads a category that a study never asked for."""
    asked = frozenset(category.value for category in study.required | study.optional)
    if not query.categories <= asked:
        raise CategoryNotAskedError("the query reads a category that the study never asked for: leave it out")
