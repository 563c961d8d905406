"""What keeps a published figure from pointing at a person: two numbers, and noise for figures of a researcher's choice.

    Disclosed.of(inside=412, outside=8693, epsilon=0.5).people     # 410, or 415, or None

A count that a researcher chose to ask for gets noise (`analytics.noise`) in both of its cells, those inside the cohort
and those outside. A person is in one of the two, so adding or removing one costs `epsilon` once; what follows looks at
the noisy cells only. Rounding and suppressing alone would not do: forty paired questions recover a person.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analytics.noise import noisy

SMALLEST: Final = 10
"""Groups of fewer people are not shown."""

STEP: Final = 5
"""Counts are shown as multiples of this."""


def shown(count: int) -> int | None:
    """Return a count as it may be shown: None below `SMALLEST`, else the nearest multiple of `STEP`."""
    return None if count < SMALLEST else STEP * round(count / STEP)


def shown_share(part: int, whole: int) -> float | None:
    """Return `part / whole` from shown counts; None when the part or the rest is too small to be shown."""
    part_shown, rest_shown = shown(part), shown(whole - part)
    if part_shown is None or rest_shown is None:
        return None
    return part_shown / (part_shown + rest_shown)


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A count as it leaves: None when it, or the rest, is too small to be shown; and the epsilon that it cost."""

    people: int | None
    epsilon: float

    @classmethod
    def of(cls, inside: int, outside: int, epsilon: float) -> "Disclosed":
        """Draw noise for how many people are inside a cohort and how many of those counted are outside."""
        people, others = histogram([inside, outside], epsilon)
        return cls(None if others is None else people, epsilon)

    def to_json(self) -> dict[str, Any]:
        """Return the count as JSON values."""
        return {"people": self.people, "epsilon": self.epsilon}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Disclosed":
        """Read what `to_json` wrote."""
        return cls(value["people"], value["epsilon"])


def histogram(cells: Sequence[int], epsilon: float) -> tuple[int | None, ...]:
    """Return how many people each of some disjoint cells holds, as it may be shown; a person costs `epsilon` once."""
    return tuple(shown(noisy(cell, epsilon)) for cell in cells)


def best_guess(epsilon: float) -> float:
    """Return the share of right guesses that nobody beats on whether one person is there, after answers of `epsilon`.

    It is e^epsilon / (1 + e^epsilon) when either is as likely before (Kairouz, Oh and Viswanath 2017, IEEE Transactions
    on Information Theory 63:4037-4049).
    """
    return 1 / (1 + math.exp(-epsilon))
