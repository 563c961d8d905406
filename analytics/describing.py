"""Who the people are: each feature among people with the outcome and without, from shown counts and rounded figures.

A dictionary chooses the numbers of its codes, so one that few people have could be given a number large enough to be
read off a mean. The nine lowest and the nine highest values therefore count as the tenth does, and a feature with few
values, of which fewer than ten people have one between the others, is not shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.disclosure import SMALLEST, shown, shown_share
from analytics.discrimination import Labels

DIGITS: Final = 3
"""Significant digits of means and standard deviations: fewer than would add up to one person's value."""
FEW_VALUES: Final = 20
"""A feature with so many different values or fewer may be one of codes."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A feature among some people: about how many have a value, its mean and standard deviation.

    Of a feature that is 0 or 1 the mean is a share, from shown counts.
    """

    people: int
    mean: float
    deviation: float
    is_share: bool


@dataclass(frozen=True, slots=True)
class Characteristic:
    """A feature among people with the outcome, without it, and all; None where too few have a value to be shown."""

    name: str
    with_outcome: Spread | None
    without: Spread | None
    everybody: Spread | None


def characteristics(names: Sequence[str], features: NDArray[np.float64], outcome: Labels) -> tuple[Characteristic, ...]:
    """Describe each column of `features`, shape (people, features), by `outcome`, shape (people,)."""
    return tuple(_characteristic(name, values, outcome) for name, values in zip(names, features.T, strict=True))


def _characteristic(name: str, values: NDArray[np.float64], outcome: Labels) -> Characteristic:
    with_outcome, without = _spread(values[outcome == 1]), _spread(values[outcome == 0])
    # Beside all and the one group, the other could be worked out.
    everybody = _spread(values) if with_outcome and without else None
    return Characteristic(name, with_outcome, without, everybody)


def _spread(values: NDArray[np.float64]) -> Spread | None:
    known = values[~np.isnan(values)]
    people = shown(len(known))
    if people is None:
        return None
    stands_out, known = _stands_out(known), _without_extremes(known)
    if set(np.unique(known)) <= {0.0, 1.0}:
        share = shown_share(int(known.sum()), len(known))
        return (
            None
            if share is None
            else Spread(people, _rounded(share), _rounded(math.sqrt(share * (1 - share))), is_share=True)
        )
    if stands_out or not len(known) or _has_rare_value(known):
        return None
    return Spread(people, _rounded(float(known.mean())), _rounded(float(known.std(ddof=1))), is_share=False)


def _stands_out(known: NDArray[np.float64]) -> bool:
    """Say whether fewer than ten people differ from one value that all the others share."""
    _, counts = np.unique(known, return_counts=True)
    return 0 < len(known) - int(counts.max()) < SMALLEST


def _without_extremes(known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let fewer than ten people at either end count as the next one does; nobody is left where the ends meet."""
    ascending = np.sort(known)
    low, high = ascending[SMALLEST - 1], ascending[-SMALLEST]
    return np.clip(known, low, high) if low <= high else known[:0]


def _has_rare_value(known: NDArray[np.float64]) -> bool:
    """Say whether fewer than ten people have one of what may be codes."""
    _, counts = np.unique(known, return_counts=True)
    return len(counts) <= FEW_VALUES and int(counts.min()) < SMALLEST


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
