"""The budget of counts: an answer holds for a period, and in none of them is more told than the budget."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from consent.services.studies.count_budget import CountBudget, CountRefusedError, CountRules
from tests.services.house import House

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = CountRules(epsilon=0.5, budget=1.5, period=30 * 86400)


def never() -> int:
    raise AssertionError("noise was drawn for an answer that holds")


def ask(
    house: House, question: int, now: datetime, draw: Callable[[], int] = lambda: 40, study: str = "kidneys"
) -> int:
    """Ask under the rules; return the answer."""
    with house.open.store.begin() as unit:
        answered = CountBudget(house.open.log, RULES).settle(unit, study, f"{question:064x}", draw, now)
    assert isinstance(answered.answer, int)
    return answered.answer


def left(house: House, now: datetime) -> float:
    with house.open.store.reading() as unit:
        return CountBudget(house.open.log, RULES).spending(unit, "kidneys", now).left


def test_an_answer_holds_for_the_period_and_is_drawn_once(house: House) -> None:
    assert ask(house, 1, NOW, lambda: 35) == 35
    assert ask(house, 1, NOW + 29 * DAY, never) == 35
    assert left(house, NOW + 29 * DAY) == 1.0
    assert ask(house, 1, NOW + 30 * DAY, lambda: 55) == 55


def test_an_answer_is_an_entry_of_the_log(house: House) -> None:
    before = house.state()
    ask(house, 1, NOW)
    [entry] = house.log(before.entries)
    assert entry["facts"] == {"question": f"{1:064x}", "epsilon": 0.5, "answer": 40}
    assert (entry["actor"], entry["action"], entry["verdict"]) == ("study:kidneys", "count", "DISCLOSED")


def test_beyond_the_budget_nothing_is_drawn_until_enough_of_it_is_free(house: House) -> None:
    for question, day in enumerate((0, 3, 5)):
        ask(house, question, NOW + day * DAY)
    before = house.state()
    with pytest.raises(CountRefusedError, match="until 2026-01-31 00:00 UTC"):
        ask(house, 9, NOW + 29 * DAY, never)
    assert house.state() == before
    assert left(house, NOW + 29 * DAY) == 0
    assert ask(house, 2, NOW + 29 * DAY, never) == 40, "what holds is told again"
    ask(house, 9, NOW + 30 * DAY)
    with pytest.raises(CountRefusedError, match="until 2026-02-03"):
        ask(house, 10, NOW + 31 * DAY, never)


def test_a_budget_is_a_studys_own(house: House) -> None:
    for question in range(3):
        ask(house, question, NOW)
    assert ask(house, 9, NOW, study="hearts") == 40


def test_an_answer_from_a_clock_that_was_ahead_counts(house: House) -> None:
    for question in range(3):
        ask(house, question, NOW + 10 * DAY)
    with pytest.raises(CountRefusedError):
        ask(house, 9, NOW, never)


def test_an_answer_dearer_than_the_budget_is_never_given(house: House) -> None:
    budget = CountBudget(house.open.log, CountRules(epsilon=0.5, budget=0.4))
    with house.open.store.begin() as unit, pytest.raises(CountRefusedError, match="CONSENTRY_COUNT_BUDGET"):
        budget.settle(unit, "kidneys", "0" * 64, never, NOW)


@pytest.mark.parametrize("seed", range(4))
def test_no_window_as_long_as_a_period_ever_holds_more_than_the_budget(house: House, seed: int) -> None:
    chance, now = random.Random(seed), NOW
    before = house.state()
    for _ in range(60):
        now += chance.choice((0.1, 1, 4, 9)) * DAY
        try:
            ask(house, chance.randrange(12), now)
        except CountRefusedError:
            continue
    times = [entry["time"] for entry in house.log(before.entries)]
    assert len(times) > 10
    for start in times:
        assert 0.5 * sum(start <= time < start + RULES.period for time in times) <= RULES.budget
