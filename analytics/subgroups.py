"""How good a model is in parts of the people that are declared beforehand: by age, and by what a code says of them.

Nothing is searched for in the rows. A part with fewer than ten people of either outcome is not shown; where it alone
would stay hidden, the smallest of the others is hidden too, because all less the others is the one.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analytics.disclosure import shown
from analytics.discrimination import Interval, Labels, Scores, auroc
from analytics.features import Kind

if TYPE_CHECKING:
    from analytics.dictionary import Dictionary

AGES: Final = (18, 45, 65, 80)
"""Where bands of age begin, years."""


@dataclass(frozen=True, slots=True)
class Group:
    """People whose feature lies in [low, high); None: without such a bound."""

    title: str
    feature: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Figures of one group.

    Attributes:
        title: as declared.
        people: about how many.
        events: about how many of them had the outcome.
        auroc: among them.
        predicted: mean forecast.
        observed: share with the outcome, from shown counts.
    """

    title: str
    people: int
    events: int
    auroc: Interval
    predicted: float
    observed: float


def groups_of(dictionary: "Dictionary") -> tuple[Group, ...]:
    """Return a dictionary's groups: bands of each age, and each code of what is coded of a Patient."""
    return tuple(_groups(dictionary))


def subgroups(
    groups: Sequence[Group], names: Sequence[str], features: NDArray[np.float64], scores: Scores, outcome: Labels
) -> tuple[Subgroup, ...]:
    """Return the figures of those groups that may be shown, in order; a feature that there is not has none."""
    found: list[Subgroup] = []
    for feature, parts in groupby((group for group in groups if group.feature in names), lambda one: one.feature):
        values = features[:, list(names).index(feature)]
        found += _shown([(group, _inside(group, values)) for group in parts], scores, outcome)
    return tuple(found)


def _groups(dictionary: "Dictionary") -> Iterator[Group]:
    for feature in dictionary.features:
        if feature.kind is Kind.AGE:
            edges = (None, *AGES, None)
            for low, high in pairwise(edges):
                yield Group(f"{feature.title} {_band(low, high)}", feature.name, low, high)
        elif feature.kind is Kind.CODED and feature.resource == "Patient":
            for code, value in feature.values:
                yield Group(f"{feature.title}: {code}", feature.name, value, math.nextafter(value, math.inf))


def _band(low: int | None, high: int | None) -> str:
    if low is None:
        return f"below {high}"
    return f"{low} and above" if high is None else f"{low} to {high - 1}"


def _inside(group: Group, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return who is in the group; whoever has no value is in none."""
    low = -math.inf if group.low is None else group.low
    high = math.inf if group.high is None else group.high
    inside: NDArray[np.bool_] = (values >= low) & (values < high)
    return inside


def _shown(parts: Sequence[tuple[Group, NDArray[np.bool_]]], scores: Scores, outcome: Labels) -> Iterator[Subgroup]:
    figures = [(part, _figures(group, scores[part], outcome[part])) for group, part in parts if part.any()]
    shown_parts = [(int(part.sum()), subgroup) for part, subgroup in figures if subgroup is not None]
    if shown_parts and len(figures) - len(shown_parts) == 1:
        shown_parts.remove(min(shown_parts, key=lambda part: part[0]))
    yield from (subgroup for _, subgroup in shown_parts)


def _figures(group: Group, scores: Scores, outcome: Labels) -> Subgroup | None:
    events, others = shown(int(outcome.sum())), shown(int((1 - outcome).sum()))
    if events is None or others is None:
        return None
    people = events + others
    return Subgroup(group.title, people, events, auroc(scores, outcome), float(scores.mean()), events / people)
