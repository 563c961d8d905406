"""What one prediction rests on: exact TreeSHAP contributions in named features, which add up to the log-odds.

    log-odds = base + the sum of all contributions,   probability = 1 / (1 + e^-log-odds)

Lundberg et al. 2020, Nature Machine Intelligence 2:56-67. The canonical JSON of `Explained.to_json` is what is sealed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from analytics import Dictionary, Row
from analytics.features import Feature, Kind
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.terms import SubjectId

if TYPE_CHECKING:
    from analytics import Model

TOLERANCE: Final = 1e-5
"""So far may base and contributions be from the model's own log-odds; XGBoost adds in single precision."""
CAUTION: Final = (
    "An estimate from other people's records, for people to weigh: no diagnosis, and no decision by itself."
)


class ExplanationError(ConsentError):
    """The contributions do not add up to the model's own figure: nothing is given out; report the model's hash."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature did: its value as people read it (empty: not recorded), as a number, and its log-odds."""

    name: str
    title: str
    shown: str
    value: float | None
    log_odds: float

    def sentence(self) -> str:
        """Say it in plain words."""
        known = f"{self.title}: {self.shown}" if self.shown else f"{self.title}: not recorded"
        word = "raises" if self.log_odds > 0 else "lowers"
        effect = f"{word} the estimate ({self.log_odds:+.3f})" if self.log_odds else "changes nothing"
        return f"{known}; {effect}"

    def to_json(self) -> dict[str, Json]:
        """Return JSON values."""
        return {name: getattr(self, name) for name in ("name", "title", "shown", "value", "log_odds")}


@dataclass(frozen=True, slots=True)
class Explained:
    """One prediction.

    Attributes:
        subject: whom it is about.
        study: the id of the study whose model it is.
        release: which release.
        model: SHA-256 of its bytes, hex.
        dictionary: SHA-256 of the dictionary, hex.
        consent: the random id of the consent that it rests on.
        actor: who asked, as the log calls them.
        time: when, Unix seconds.
        outcome: what is forecast, in plain words.
        horizon_days: within how many days of `index`.
        index: the day from which it counts; nothing later was looked at.
        probability: of the outcome, 0 to 1.
        log_odds: the same as the model adds it up.
        base: the log-odds before anything is known of the person.
        contributions: a feature each, in the dictionary's order.
    """

    subject: SubjectId
    study: str
    release: int
    model: str
    dictionary: str
    consent: str
    actor: str
    time: int
    outcome: str
    horizon_days: int
    index: date
    probability: float
    log_odds: float
    base: float
    contributions: tuple[Contribution, ...]

    @property
    def percent(self) -> str:
        """The probability for people, in whole per cents."""
        return _whole_percent(self.probability)

    def sentences(self) -> list[str]:
        """Say what the estimate rests on, what weighs most first; also what is missing."""
        return [one.sentence() for one in sorted(self.contributions, key=lambda one: -abs(one.log_odds))]

    def text(self) -> str:
        """Say all of it in plain words, lines that end in a newline."""
        before = _whole_percent(1 / (1 + math.exp(-self.base)))
        return "\n".join([
            f"{self.outcome}: {self.percent}",
            f"Counted from {self.index:%-d %B %Y}; before anything was known of this person: {before}.",
            "What it rests on, the weightiest first, in log-odds:",
            *(f"  {sentence}" for sentence in self.sentences()),
            f"Release {self.release} of the study {self.study}, model {self.model[:16]}.",
            CAUTION,
            "",
        ])  # fmt: skip

    def to_json(self) -> dict[str, Json]:
        """Return JSON values."""
        plain: dict[str, Json] = {name: getattr(self, name) for name in _PLAIN}
        return plain | {
            "index": self.index.isoformat(),
            "contributions": [contribution.to_json() for contribution in self.contributions],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Explained":
        """Read back what `to_json` gave."""
        contributions = tuple(Contribution(**one) for one in value["contributions"])
        plain = {name: value[name] for name in _PLAIN}
        return cls(**plain, index=date.fromisoformat(value["index"]), contributions=contributions)


_PLAIN: Final = (
    "subject", "study", "release", "model", "dictionary", "consent", "actor", "time", "outcome", "horizon_days",
    "probability", "log_odds", "base",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a model says of one row, before it has a person."""

    probability: float
    log_odds: float
    base: float
    contributions: tuple[Contribution, ...]


def estimate(model: "Model", dictionary: Dictionary, values: Sequence[float]) -> Estimate:
    """Predict and explain one row of features; raise `ExplanationError` unless everything adds up to `TOLERANCE`."""
    row = [Row(tuple(values), label=0)]  # a model never looks at the label, which is what is not known yet
    [log_odds], [probability], [shares] = model.margins(row), model.predict(row), model.explain(row)
    *own, base = (float(share) for share in shares)
    logistic = 1 / (1 + math.exp(-float(log_odds)))
    if abs(math.fsum([*own, base]) - log_odds) > TOLERANCE or abs(logistic - probability) > TOLERANCE:
        raise ExplanationError("a prediction's parts do not add up: nothing was given out, report the model's hash")
    named = zip(dictionary.features, values, own, strict=True)
    return Estimate(float(probability), float(log_odds), base, tuple(_contribution(*one) for one in named))


def _contribution(feature: Feature, value: float, log_odds: float) -> Contribution:
    missing = math.isnan(value)
    return Contribution(
        feature.name, feature.title, "" if missing else _shown(feature, value), None if missing else value, log_odds
    )


def _shown(feature: Feature, value: float) -> str:
    """Return a value as people read it: with its unit, a code by its name, `yes` and `no` for what occurs."""
    if feature.kind is Kind.CODED:
        return next((code for code, number in feature.values if number == value), f"{value:.4g}")
    if feature.kind is Kind.AGE:
        return f"{value:.0f} years"
    if feature.kind is Kind.PRESENT:
        return {0.0: "no", 1.0: "yes"}.get(value, f"{value:.0f} times")
    return f"{value:.4g} {feature.unit}".rstrip()


def _whole_percent(probability: float) -> str:
    """Return whole per cents, never a certainty."""
    whole = round(probability * 100)
    return "under 1 %" if whole < 1 else "over 99 %" if whole > 99 else f"{whole} %"  # noqa: PLR2004  # per cents
