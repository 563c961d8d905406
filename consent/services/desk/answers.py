"""What a study is told of the answers to its request: how many of those who are asked allow it, and nobody's name.

Who is asked are those who allow being counted and asked. A person is in one of two cells: they allow the study now, or
not; who said no, who left it open and who never saw it look alike. Nothing is opened for it. Each cell gets noise, and
both together cost one epsilon of the study's budget for counts (`count_budget`).
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from analytics.disclosure import histogram
from consent.domain.decision import Permit, ledger_refusal
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json, canonical_json, sha256
from consent.domain.study import Study
from consent.domain.study_acts import StudyRequest
from consent.domain.terms import SubjectId
from consent.ports import Store, Unit
from consent.services.book import ConsentBook
from consent.services.gate import ConsentGate
from consent.services.log import Log
from consent.services.preferences import Preferences
from consent.services.projection import LedgerProjection
from consent.services.studies.approved import StudyNotRecruitingError, approved_study_acts, open_study_acts
from consent.services.studies.count_budget import Answered, CountBudget
from vault import Access


class UnknownRequestError(ConsentError):
    """The study has no such request, or asked people anew since; take the newest of its requests."""


class AnswersUnknownError(ConsentError):
    """Nothing can be decided on the ledger as it was last read; ask again once it was read."""


@dataclass(frozen=True, slots=True)
class Answers:
    """How many people are asked and how many of them allow it, as it may be shown; what that cost, and what is left.

    Both are None where those who allow it, or the others, are too few to be told.
    """

    asked: int | None
    allowed: int | None
    epsilon: float
    left: float


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers to the requests of this installation's studies; `max_staleness` in seconds."""

    store: Store
    book: ConsentBook
    projection: LedgerProjection
    log: Log
    preferences: Preferences
    budget: CountBudget
    max_staleness: int

    def requests_of(self, study_id: str) -> Sequence[StudyRequest]:
        """Return what a study asked of people, the oldest first; raise `StudyNotApprovedError`."""
        with self.store.reading() as unit:
            study, acts = approved_study_acts(unit, study_id)
        return _with_text(acts.requests_of(study_id), study)

    def answers(self, study_id: str, number: int, now: datetime) -> Answers:
        """Count the answers to a study's newest request, or repeat what it was told within the period.

        Raises `StudyNotRecruitingError`, `UnknownRequestError`, `AnswersUnknownError`, `CountRefusedError` once the
        budget is spent, `StudyNotApprovedError`, or `StudyClosedError`.
        """
        with self.store.begin() as unit:  # one state of preferences, consents and budget, and nothing is told twice
            study = _asking(unit, study_id, number)

            def draw() -> Json:
                return list(histogram(self._cells(unit, study, now), self.budget.rules.epsilon))

            answered = self.budget.settle(unit, study_id, _question(study), draw, now)
            left = self.budget.spending(unit, study_id, now).left
        return _answers(answered, left)

    def _cells(self, unit: Unit, study: Study, now: datetime) -> tuple[int, int]:
        """Return how many of those who are asked allow the study now, and how many do not."""
        asked = sorted(self.preferences.counted(unit))
        allowed = self._allowing(unit, study, asked, now)
        cells = Counter(subject in allowed for subject in asked)
        return cells[True], cells[False]

    def _allowing(
        self, unit: Unit, study: Study, asked: Sequence[SubjectId], now: datetime
    ) -> Collection[SubjectId]:  # fmt: skip
        """Return who of these has a consent in force for anything that the study asks to do."""
        parts = self.store, self.log, self.book, self.projection
        gate = ConsentGate(*parts, study, lambda: now, self.max_staleness)
        self.book.follow(unit)
        self.projection.refresh(unit)
        if ledger_refusal(self.projection.reading(), now, self.max_staleness) is not None:
            raise AnswersUnknownError("nothing is decided until the ledger is read again: ask again then")
        decided = [gate.decisions(asked, access, now) for access in _accesses(study)]
        return {s for one in decided for s, decision in one.items() if isinstance(decision, Permit)}


def _asking(unit: Unit, study_id: str, number: int) -> Study:
    """Return a study that asks people, whose newest request has this number."""
    study, acts = open_study_acts(unit, study_id)
    if study_id in acts.waiting:
        raise StudyNotRecruitingError("the study asks nobody yet: open its request first")
    if number != len(acts.requests_of(study_id)):
        raise UnknownRequestError("the study has no such request, or asked people anew since: take the newest")
    return study


def _accesses(study: Study) -> Iterator[Access]:
    required, optional = ({category.value for category in some} for some in (study.required, study.optional))
    for operation in sorted(study.operations):
        name = study.reference.id
        yield Access(f"study:{name}", name, operation.value, frozenset(required), frozenset(optional))


def _question(study: Study) -> str:
    """Return what is asked, 64 hex digits: a study's request with one text is one question."""
    return sha256(canonical_json({"answers": study.reference.id, "text": study.text_hash})).hex()


def _answers(answered: Answered, left: float) -> Answers:
    cells: Any = answered.answer  # as `draw` made it, through the log's JSON
    allowed, others = cells
    if allowed is None or others is None:
        return Answers(None, None, answered.epsilon, left)
    return Answers(allowed + others, allowed, answered.epsilon, left)


def _with_text(requests: Sequence[StudyRequest], study: Study) -> Sequence[StudyRequest]:
    """Give the newest request its text, where the log of an earlier version does not say it."""
    if not requests or requests[-1].text_hash:
        return requests
    return [*requests[:-1], replace(requests[-1], text_hash=study.text_hash)]
