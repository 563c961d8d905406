"""What counts may tell in all: answers are kept, and epsilon is spent, in entries of the log.

    {"action": "count", "verdict": "DISCLOSED", "study": …, "facts": {"question": …, "epsilon": 0.5, "answer": …}}

An answer holds for one period and is given again as it is: noise drawn anew for the same question could be averaged
away. In any window as long as a period a study spends at most the budget. The entry is written in the transaction that
looks at the budget, so two counts at once cannot overspend, and a crash cannot forget what was told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.telling import said
from consent.ports import Unit
from consent.services.log import Log

DISCLOSED: Final = "DISCLOSED"
_ROUNDING: Final = 1e-9
"""Sums of decimal fractions are off by less than this."""


class CountRefusedError(ConsentError):
    """Nothing is counted for this study now; the message says why, or from which day on."""


class BudgetSpentError(CountRefusedError):
    """The study's budget is spent; ask again at `until`, which is None where one answer costs more than all of it."""

    def __init__(self, message: str, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


@dataclass(frozen=True, slots=True)
class CountRules:
    """Epsilon of one answer, epsilon of all answers of a study within a period, and the period in seconds."""

    epsilon: float = 0.5
    budget: float = 3.0
    period: int = 30 * 86400


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer that was given: Unix seconds, to which question (64 hex digits), for how much, and what it was."""

    time: int
    question: str
    epsilon: float
    answer: Json


@dataclass(frozen=True, slots=True)
class Spending:
    """What one study was told within the last period."""

    rules: CountRules
    answers: tuple[Answered, ...]

    @property
    def left(self) -> float:
        """How much epsilon may still be spent."""
        return max(0.0, self.rules.budget - sum(one.epsilon for one in self.answers))

    def answer(self, question: str) -> Answered | None:
        """Return the answer to a question that still holds, None where it has to be counted."""
        return next((one for one in self.answers if one.question == question), None)

    def require(self) -> None:
        """Raise `BudgetSpentError`, with the time from which on it is possible, unless one more may be given."""
        left = self.rules.budget - self.rules.epsilon + _ROUNDING
        if left < 0:
            raise BudgetSpentError("one answer costs more than the whole budget: mend CONSENTRY_COUNT_BUDGET")
        for one in sorted(self.answers, key=attrgetter("time"), reverse=True):
            left -= one.epsilon
            if left < 0:  # when this one is a period old, enough is free again
                then = datetime.fromtimestamp(one.time + self.rules.period, UTC)
                raise BudgetSpentError(f"the budget is spent until {then:%Y-%m-%d %H:%M} UTC: ask again then", then)


@dataclass(frozen=True, slots=True)
class CountBudget:
    """The budgets of all studies.

    spending = budget.spending(unit, "kidneys", now)     what holds, what is left
    budget.settle(unit, "kidneys", question, draw, now)  the answer that holds, or a new one
    """

    log: Log
    rules: CountRules = CountRules()

    def spending(self, unit: Unit, study: str, now: datetime) -> Spending:
        """Read what a study was told within the last period; an answer from a clock that was ahead counts too."""
        since = now.timestamp() - self.rules.period
        bodies = [said(entry) or {} for entry in unit.log.saying({Action.COUNT})]
        given = [_answered(body) for body in bodies if body.get("study") == study]
        return Spending(self.rules, tuple(one for one in given if one.time > since))

    def settle(self, unit: Unit, study: str, question: str, draw: Callable[[], Json], now: datetime) -> Answered:
        """Return the answer that holds, or else draw one and write it into the log, which spends its epsilon.

        Call it in a transaction that writes: whoever comes second finds what the first was told. Raises
        `BudgetSpentError` with nothing drawn or written.
        """
        spending = self.spending(unit, study, now)
        if held := spending.answer(question):
            return held
        spending.require()
        given = Answered(int(now.timestamp()), question, self.rules.epsilon, draw())
        facts: dict[str, Json] = {"question": question, "epsilon": given.epsilon, "answer": given.answer}
        entry = Entry(given.time, f"study:{study}", Action.COUNT, DISCLOSED, study=study, facts=facts)
        self.log.append(unit, [entry])
        return given


def _answered(body: Mapping[str, Any]) -> Answered:
    facts = body["facts"]
    return Answered(body["time"], str(facts["question"]), float(facts["epsilon"]), facts["answer"])
