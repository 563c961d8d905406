"""What leaves as a count, and how little all counts together say of one person."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from random import Random

import pytest

from analytics.disclosure import Disclosed, best_guess, histogram, shown
from analytics.noise import noisy

EPSILON, BUDGET = 0.5, 3.0
TRIALS = 4_000


def test_a_count_or_a_rest_that_is_small_is_not_shown() -> None:
    sure = 50.0  # hardly any noise
    assert Disclosed.of(412, 8693, sure).people == 410
    assert Disclosed.of(9, 8693, sure).people is None
    assert Disclosed.of(8693, 9, sure).people is None
    assert histogram([412, 9, 0], sure) == (410, None, None)
    assert Disclosed.from_json(Disclosed.of(412, 90, sure).to_json()) == Disclosed(410, sure)


def test_the_noise_is_geometric_with_the_scale_that_epsilon_asks_for() -> None:
    """Mean 0, and the probability of each size as the formula has it, within four standard errors."""
    drawn = [noisy(100, EPSILON) - 100 for _ in range(20_000)]
    decay = math.exp(-EPSILON)
    for size in range(-3, 4):
        expected = (1 - decay) / (1 + decay) * decay ** abs(size)
        error = math.sqrt(expected * (1 - expected) / len(drawn))
        assert abs(drawn.count(size) / len(drawn) - expected) < 4 * error


Cells = tuple[int, int]


def cohorts(others: int, chance: Random) -> list[Cells]:
    """Return six questions about one person's place: how many others each cohort has inside and outside.

    The cohort itself, its complement, two that overlap it, and two padded to sit at a rounding step or at the edge of
    what is shown, where a single person changes most.
    """
    inside = [others, others, others // 2, others - chance.randrange(9), 22, 9]
    return [(cell, 2 * others - cell) for cell in inside]


@lru_cache
def table(cell: int, epsilon: float) -> dict[int | None, float]:
    """Return how likely each shown value of a cell is."""
    decay = math.exp(-epsilon)
    found: dict[int | None, float] = {}
    for size in range(-80, 81):
        likely = (1 - decay) / (1 + decay) * decay ** abs(size)
        found[shown(cell + size)] = found.get(shown(cell + size), 0.0) + likely
    return found


def answer(cells: Cells, epsilon: float) -> tuple[int | None, ...]:
    return histogram(cells, epsilon)


def rightly_guessed(questions: Callable[[Random], Sequence[Cells]], epsilon: float, trials: int) -> float:
    """Return how often the best attacker guesses right whether one person is there.

    The attacker knows everybody else, so that each answer's likelihood with and without the person can be computed.
    """
    chance, right = Random(7), 0
    for _ in range(trials):
        present = chance.random() < 0.5
        evidence = 0.0
        for inside, outside in questions(chance):
            seen = answer((inside + present, outside), epsilon)
            one, none = table(inside + 1, epsilon), table(inside, epsilon)
            evidence += math.log(one.get(seen[0], 1e-300)) - math.log(none.get(seen[0], 1e-300))
        right += (evidence > 0) is present if evidence else chance.random() < 0.5
    return right / trials


def test_differencing_up_to_the_budget_does_no_better_than_epsilon_allows() -> None:
    """Every question of the budget is about one person, and the attacker uses each answer as well as can be."""
    assert len(cohorts(24, Random(1))) * EPSILON == BUDGET
    bound = best_guess(BUDGET)
    assert bound == pytest.approx(math.exp(BUDGET) / (1 + math.exp(BUDGET)))
    for others in (24, 200):
        found = rightly_guessed(partial(cohorts, others), EPSILON, TRIALS)
        assert found <= bound + 4 * math.sqrt(bound * (1 - bound) / TRIALS)
        assert found > 0.5, "the attacker is no straw man"


def test_one_question_does_no_better_than_its_own_epsilon_allows() -> None:
    bound = best_guess(EPSILON)
    found = rightly_guessed(lambda _: [(22, 500)], EPSILON, TRIALS)
    assert found <= bound + 4 * math.sqrt(bound * (1 - bound) / TRIALS)


def test_rounding_alone_falls_to_forty_paired_questions() -> None:
    """Without noise one padded pair at a rounding step tells: what the noise is for."""
    chance, right = Random(3), 0
    for _ in range(1000):
        present = chance.random() < 0.5
        paddings = [chance.randrange(20, 60) for _ in range(40)]
        told = any(shown(size + present) != shown(size) for size in paddings)
        right += told is present
    assert right / 1000 > 0.95
