"""What leaves as a count, and how little all counts together say of one person."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Question:
    """A cohort as the attacker knows it, who knows everybody but one person, and where that person would count."""

    inside: int
    outside: int
    place: str

    def cells(self, *, present: bool) -> tuple[int, int]:
        """Return how many people are inside and outside, with the person or without."""
        return self.inside + (present and self.place == "inside"), self.outside + (present and self.place == "outside")


def questions(others: int, chance: Random) -> list[Question]:
    """Return six questions about one person among `2 * others`, as many as the budget pays for.

    The pair around the person's stop (the second time nobody's answer holds them), the cohort's complement, a cohort
    that overlaps it, and two that are padded: to a rounding step, and to the edge of what is shown.
    """
    return [
        Question(others, others, "inside"),
        Question(others, others, "nowhere"),
        Question(others, others, "outside"),
        Question(others // 2, 2 * others - others // 2, "inside"),
        Question(others - chance.randrange(9), others + 4, "inside"),
        Question(2 * others - 9, 9, "outside"),
    ]


@lru_cache(maxsize=4096)
def likelihood(cells: tuple[int, int], seen: int | None, epsilon: float) -> float:
    """Return how likely it is that `Disclosed.of` answers `seen`, from the formula of the noise."""
    inside, outside = (noise_of(cell, epsilon) for cell in cells)
    enough = sum(share for count, share in outside.items() if shown(count) is not None)
    if seen is not None:
        return enough * sum(share for count, share in inside.items() if shown(count) == seen)
    return 1 - enough * sum(share for count, share in inside.items() if shown(count) is not None)


@lru_cache
def noise_of(cell: int, epsilon: float) -> dict[int, float]:
    decay = math.exp(-epsilon)
    return {cell + size: (1 - decay) / (1 + decay) * decay ** abs(size) for size in range(-100, 101)}


def rightly_guessed(asked: Callable[[Random], Sequence[Question]], epsilon: float, trials: int) -> float:
    """Return how often the best attacker guesses right whether one person is there: by the likelihood of all answers.

    Either is as likely before, so that no rule beats this one (Neyman and Pearson 1933).
    """
    chance, right = Random(7), 0
    for _ in range(trials):
        present, evidence = chance.random() < 0.5, 0.0
        for question in asked(chance):
            with_them, without = question.cells(present=True), question.cells(present=False)
            seen = Disclosed.of(*(with_them if present else without), epsilon).people
            evidence += math.log(likelihood(with_them, seen, epsilon) / likelihood(without, seen, epsilon))
        right += (evidence > 0) is present if evidence else chance.random() < 0.5
    return right / trials


def error(bound: float) -> float:
    """Return four standard errors of a share of `TRIALS`."""
    return 4 * math.sqrt(bound * (1 - bound) / TRIALS)


@pytest.mark.parametrize("others", [12, 200])
def test_differencing_up_to_the_budget_does_no_better_than_epsilon_allows(others: int) -> None:
    """Every question of the budget is about one person, and the attacker uses each answer as well as can be."""
    assert len(questions(others, Random(1))) * EPSILON == BUDGET
    bound = best_guess(BUDGET)
    assert bound == pytest.approx(math.exp(BUDGET) / (1 + math.exp(BUDGET)))
    found = rightly_guessed(partial(questions, others), EPSILON, TRIALS)
    assert 0.5 + error(0.5) < found <= bound + error(bound), "above a coin, or the attacker is a straw man"


@pytest.mark.parametrize("place", ["inside", "outside"])
@pytest.mark.parametrize("inside", [9, 22, 500])
def test_one_question_does_no_better_than_its_own_epsilon_allows(inside: int, place: str) -> None:
    bound = best_guess(EPSILON)
    found = rightly_guessed(lambda _: [Question(inside, 9, place)], EPSILON, TRIALS)
    assert found <= bound + error(bound)


def test_each_answer_costs_at_most_epsilon_whatever_is_in_the_cells() -> None:
    """Computed, not drawn: with the person, no answer is more than e^epsilon times as likely or as unlikely."""
    for inside in (0, 8, 9, 10, 12, 22, 23):
        for outside in (0, 8, 9, 10, 40):
            for place in ("inside", "outside"):
                question = Question(inside, outside, place)
                both = question.cells(present=True), question.cells(present=False)
                for seen in (None, *range(10, 61, 5)):
                    one, other = (likelihood(cells, seen, EPSILON) for cells in both)
                    assert math.exp(-EPSILON) - 1e-9 <= one / other <= math.exp(EPSILON) + 1e-9


def test_rounding_alone_falls_to_forty_paired_questions() -> None:
    """Without noise one padded pair at a rounding step tells: what the noise is for."""
    chance, right = Random(3), 0
    for _ in range(1000):
        present = chance.random() < 0.5
        paddings = [chance.randrange(20, 60) for _ in range(40)]
        told = any(shown(size + present) != shown(size) for size in paddings)
        right += told is present
    assert right / 1000 > 0.95
