"""Counts: how many of those who allow being counted are in a cohort, as one disclosed number.

Nobody else is asked, opened or named. Who is opened has an entry in the log before that; how many they are is added to
noise before anybody sees it (`analytics.disclosure`), and what it may tell in all is bounded (`count_budget`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics import CohortQuery
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
from consent.services.studies.approved import open_study
from consent.services.studies.count_budget import Answered, CountBudget, CountRefusedError
from consent.services.studies.openings import keyed
from consent.services.studies.rows import permitted_resources
from vault import Access, Admission, Admitted, Refused, Vault


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

    def count(self, study_id: str, query: CohortQuery) -> Disclosed:
        """Count a cohort for a study, or repeat what it was told within the period.

        Raises `CountRefusedError` once the budget is spent, or where the query reads a category that the study never
        asked for; `StudyNotApprovedError`.
        """
        with self.store.reading() as unit:
            study = open_study(unit, study_id)
            spending = self.budget.spending(unit, study_id, self.clock())
        _require_asked(study, query)
        if held := spending.answer(query.id):
            return _disclosed(held)
        spending.require()
        members = self._members(study, query)
        with self.store.begin() as unit:
            still = self.preferences.counted(unit)
            cells = Counter(inside for subject, inside in members.items() if subject in still)

            def draw() -> dict[str, Json]:
                return Disclosed.of(cells[True], cells[False], self.budget.rules.epsilon).to_json()

            answered = self.budget.settle(unit, study_id, query.id, draw, self.clock())
        return _disclosed(answered)

    def left(self, study_id: str) -> float:
        """Return how much epsilon a study may still spend now."""
        with self.store.reading() as unit:
            return self.budget.spending(unit, study_id, self.clock()).left

    def _members(self, study: Study, query: CohortQuery) -> dict[SubjectId, bool]:
        """Open those who allow being counted; say of each whether they are in the cohort."""
        with self.store.reading() as unit:
            allowed = self.preferences.counted(unit)
            asked = [subject for subject in keyed(unit, self.vault) if subject in allowed]
        gate = _CountGate(self, study)
        access = Access(f"study:{study.reference.id}", study.reference.id, COUNTING, frozenset(), query.categories)
        with self.store.reading() as unit:
            opened = self.vault.read(unit.connection, gate, access, asked)
            return {
                SubjectId(one.subject): query.index_of(permitted_resources(one), one.admitted.categories) is not None
                for one in opened
            }


@dataclass(frozen=True, slots=True)
class _CountGate:
    """Admits who allows being counted when it is asked, to the days that the study is about, and logs each of them.

    Who does not allow it, also since a moment ago, gets no entry: nobody asked to be named for that.
    """

    counting: Counting
    study: Study

    def admit(self, subjects: Sequence[str], access: Access) -> Admission:
        """Write one entry for each that is admitted, on disk before this returns."""
        here, window = self.counting, self.study.window
        admitted = Admitted(access.optional, window.start, window.end, b"")
        with here.store.begin() as unit:
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


def _require_asked(study: Study, query: CohortQuery) -> None:
    asked = frozenset(category.value for category in study.required | study.optional)
    if not query.categories <= asked:
        raise CountRefusedError("the query reads a category that the study never asked for: leave it out")
