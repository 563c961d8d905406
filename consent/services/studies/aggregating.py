"""What a researcher is told of predictions: how many people stand in each fifth of the estimated risk, and no more.

The fifths are fixed (0 to 20 %, 20 to 40 %, …), so one person more or less changes one of five cells by one: all five
together cost one epsilon of the study's budget for counts, and a question that was answered is answered alike.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from analytics import Row
from analytics.cohort import CohortQuery
from analytics.disclosure import histogram
from consent.domain.hashing import Json, canonical_json, sha256
from consent.ports import Store
from consent.services.book import ConsentBook
from consent.services.gate import ConsentGate
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.studies.count_budget import Answered, CountBudget
from consent.services.studies.requesters import Researcher
from consent.services.studies.rows import permitted_resources
from consent.services.studies.serving import PredictionRefusedError, Served, is_blank, served
from vault import Access, Opening, Vault

FIFTHS: Final = 5
"""Cells: the first from 0 to 20 % of estimated risk, the last from 80 to 100 %."""
_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Aggregate:
    """People for each fifth of the estimated risk, None where too few to be told; what that cost, what is left."""

    study: str
    release: int
    people: tuple[int | None, ...]
    epsilon: float
    left: float


@dataclass(frozen=True, slots=True)
class Aggregating:
    """Aggregates of predictions for the studies of this installation; `max_staleness` in seconds."""

    store: Store
    vault: Vault
    book: ConsentBook
    projection: LedgerProjection
    log: Log
    budget: CountBudget
    max_staleness: int

    def aggregate(self, study_id: str, now: datetime, cohort: CohortQuery | None = None) -> Aggregate:
        """Tell how many people who allow predictions stand where, all of them or those of `cohort`.

        Each person's records are opened through the gate, an entry each. Raises `PredictionRefusedError`,
        `ModelRefusedError`, or `CountRefusedError` when the budget is spent; then nobody's records were opened.
        """
        serving = served(self.store, self.projection, study_id, now, self.max_staleness)
        access, question = _access(serving, cohort), _question(serving, cohort)
        with self.store.reading() as unit:
            spending = self.budget.spending(unit, study_id, now)
        if spending.answer(question) is None:
            spending.require()
            cells = self._cells(serving, access, cohort, now)
        else:
            cells = []
        with self.store.begin() as unit:

            def draw() -> Json:
                return list(histogram(cells, self.budget.rules.epsilon))

            answered = self.budget.settle(unit, study_id, question, draw, now)
            left = self.budget.spending(unit, study_id, now).left
        return _aggregate(serving, answered, left)

    def _cells(self, serving: Served, access: Access, cohort: CohortQuery | None, now: datetime) -> list[int]:
        """Count people by fifth; records stream, a thousand people's features are in memory at a time."""
        parts = self.store, self.log, self.book, self.projection
        gate = ConsentGate(*parts, serving.study, lambda: now, self.max_staleness)
        with self.store.reading() as unit:
            subjects = [patient.subject for patient in unit.patients.everyone()]
        cells = [0] * FIFTHS
        with self.store.reading() as unit:
            rows = _rows(self.vault.read(unit.connection, gate, access, subjects), serving, cohort)
            while some := list(islice(rows, _AT_ONCE)):
                for probability in serving.model.predict(some):
                    cells[min(int(probability * FIFTHS), FIFTHS - 1)] += 1
        return cells


def _access(serving: Served, cohort: CohortQuery | None) -> Access:
    """Return what is opened of each person: what a prediction opens, and what tells who is in the cohort."""
    access = serving.access(Researcher(serving.study.reference.id).actor)
    wanted = cohort.categories if cohort else frozenset[str]()
    if not wanted <= serving.asked:
        raise PredictionRefusedError("CATEGORY", "the cohort needs a category that the study never asked for")
    required = access.required | wanted
    return replace(access, required=required, optional=access.optional - required)


def _question(serving: Served, cohort: CohortQuery | None) -> str:
    """Return what is asked, 64 hex digits: the same model and cohort are the same question."""
    asked: dict[str, Json] = {"aggregate": serving.release.model_hash.hex(), "cohort": cohort.id if cohort else None}
    return sha256(canonical_json(asked)).hex()


def _rows(openings: Iterable[Opening], serving: Served, cohort: CohortQuery | None) -> Iterator[Row]:
    """Yield a row for everyone whom the model is about and who is in the cohort; labels are not known and not used."""
    for opened in openings:
        records, permitted = permitted_resources(opened), opened.admitted.categories
        if cohort is not None and cohort.index_of(records, permitted) is None:
            continue
        found = serving.features(records, permitted)
        if found is not None and not is_blank(found[1]):
            yield Row(found[1], label=0)


def _aggregate(serving: Served, answered: Answered, left: float) -> Aggregate:
    people: Any = answered.answer  # as `draw` made it, through the log's JSON
    return Aggregate(
        serving.study.reference.id, serving.release.release, tuple(people), answered.epsilon, left
    )  # fmt: skip
