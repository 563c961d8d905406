"""How those who said yes differ from all of a hospital's patients, by figures that the operator supplies.

    source = "All inpatients of 2025, yearly report"

    [feature.age]
    mean = 61.2
    sd = 16.0

    [feature.male]
    shares = { male = 0.52, female = 0.48 }      # by code, or by band of age: "65 to 79"

    [feature.diabetes]
    share = 0.21                                 # of a feature that is 0 or 1

Nobody is read for it: one side is this file, the other an evaluation that there is already. The difference is the
standardised one (Austin 2009, Statistics in Medicine 28:3083-3107); above 0.1 in size it is worth a thought.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from analytics.describing import Spread
from analytics.dictionary import Dictionary
from analytics.errors import MarginsError
from analytics.evaluation import Evaluation
from analytics.features import Feature, Kind, Reducer
from analytics.subgroups import groups_of

NOTABLE: Final = 0.1
_FORMS: Final = ({"mean", "sd"}, {"share"}, {"shares"})
_SLACK: Final = 0.02
"""By how much shares may add up to more than 1: reports round."""


@dataclass(frozen=True, slots=True)
class Margin:
    """One figure of all patients: a share where `sd` is None, else a mean; `label` is a code or a band, or empty."""

    feature: str
    label: str
    mean: float
    sd: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure among those who said yes and among all; `here` and `difference` are None where too few are shown."""

    title: str
    here: float | None
    everywhere: float
    difference: float | None
    is_share: bool

    @property
    def notable(self) -> bool:
        """Whether the difference is worth a thought."""
        return self.difference is not None and abs(self.difference) > NOTABLE


@dataclass(frozen=True, slots=True)
class Margins:
    """What the operator tells of all patients, and where that is from."""

    source: str
    figures: tuple[Margin, ...]

    @classmethod
    def parse(cls, text: str) -> "Margins":
        """Read the TOML above; raise `MarginsError` with the key that breaks a rule."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise MarginsError("margins: this is no TOML: check quotes and brackets") from error
        source, features = table.get("source"), table.get("feature")
        if set(table) != {"source", "feature"} or not isinstance(source, str) or not isinstance(features, dict):
            raise MarginsError("margins: give `source`, a text, and a table [feature.NAME] for each feature")
        return cls(source, tuple(figure for name, given in features.items() for figure in _read(name, given)))

    def differences(self, evaluation: Evaluation, dictionary: Dictionary) -> tuple[Difference, ...]:
        """Compare with the people of an evaluation; raise `MarginsError` for a feature that there is not."""
        return tuple(_difference(figure, evaluation, dictionary) for figure in self.figures)


def _read(name: str, given: object) -> Iterator[Margin]:
    if not isinstance(given, dict) or set(given) not in _FORMS:
        raise MarginsError(f"feature.{name}: give mean and sd, or share, or shares")
    if "mean" in given:
        mean, deviation = (_number(given[key], f"feature.{name}.{key}") for key in ("mean", "sd"))
        if deviation <= 0:
            raise MarginsError(f"feature.{name}.sd: is above 0")
        yield Margin(name, "", mean, deviation)
    elif "share" in given:
        yield Margin(name, "", _share(given["share"], f"feature.{name}.share"), None)
    else:
        yield from _shares(name, given["shares"])


def _shares(name: str, given: object) -> Iterator[Margin]:
    if not isinstance(given, Mapping) or not given:
        raise MarginsError(f"feature.{name}.shares: give a share for each code or band")
    shares = {label: _share(share, f"feature.{name}.shares.{label}") for label, share in given.items()}
    if sum(shares.values()) > 1 + _SLACK:
        raise MarginsError(f"feature.{name}.shares: they add up to more than 1")
    for label, share in shares.items():
        yield Margin(name, label, share, None)


def _share(value: object, place: str) -> float:
    share = _number(value, place)
    if not 0 <= share <= 1:
        raise MarginsError(f"{place}: a share is from 0 to 1")
    return share


def _number(value: object, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MarginsError(f"{place}: give a number")
    return float(value)


def _difference(figure: Margin, evaluation: Evaluation, dictionary: Dictionary) -> Difference:
    feature = next((one for one in dictionary.features if one.name == figure.feature), None)
    if feature is None:
        raise MarginsError(f"feature.{figure.feature}: the dictionary has no such feature")
    title = feature.title
    if figure.label and not any(_is_group(group.title, title, figure.label) for group in groups_of(dictionary)):
        raise MarginsError(f"feature.{figure.feature}.shares: names a band or code that is not declared")
    if not figure.label and figure.sd is None and not _is_yes_or_no(feature):
        raise MarginsError(f"feature.{figure.feature}: is no yes or no: give mean and sd")
    if figure.label:
        here: tuple[float, float] | None = _of_group(figure.label, title, evaluation)
        title = f"{title}: {figure.label}"
    else:
        here = _of_spread(figure, evaluation)
    is_share = figure.sd is None
    if here is None:
        return Difference(title, None, figure.mean, None, is_share)
    deviation = _deviation(figure.mean) if figure.sd is None else figure.sd
    return Difference(title, here[0], figure.mean, _standardised(here, (figure.mean, deviation)), is_share)


def _of_group(label: str, title: str, evaluation: Evaluation) -> tuple[float, float] | None:
    """Return share and deviation of a declared group among all people; None when it is not shown."""
    for group in evaluation.subgroups:
        if _is_group(group.title, title, label):
            share = min(1.0, group.people / evaluation.people)
            return share, _deviation(share)
    return None


def _is_group(group: str, title: str, label: str) -> bool:
    return group in {f"{title} {label}", f"{title}: {label}"}


def _is_yes_or_no(feature: Feature) -> bool:
    numbers = {number for _, number in feature.values}
    return feature.reducer is Reducer.ANY or (feature.kind is Kind.CODED and numbers <= {0.0, 1.0})


def _of_spread(figure: Margin, evaluation: Evaluation) -> tuple[float, float] | None:
    found = [one.everybody for one in evaluation.characteristics if one.name == figure.feature]
    spread: Spread | None = found[0] if found else None
    return None if spread is None else (spread.mean, spread.deviation)


def _deviation(share: float) -> float:
    return math.sqrt(share * (1 - share))


def _standardised(here: tuple[float, float], everywhere: tuple[float, float]) -> float | None:
    pooled = math.sqrt((here[1] ** 2 + everywhere[1] ** 2) / 2)
    return (here[0] - everywhere[0]) / pooled if pooled else None
