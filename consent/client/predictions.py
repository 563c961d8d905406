"""Predictions: one person's risk with its explanation, for whoever treats them. A researcher is refused."""

from dataclasses import dataclass, field

from consent.client import answers
from consent.client.errors import UsageError
from consent.client.paths import at, named
from consent.client.transport import Transport
from consent.domain.hashing import Json


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature did: its value as people read it (empty: not recorded), as a number, and its log odds."""

    name: str
    title: str
    shown: str
    value: float | None
    log_odds: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a study's served release says of one person: for people to weigh, no diagnosis and no decision.

    Attributes:
        subject: the person's SubjectId.
        study: whose model it is.
        release: which release.
        model: SHA-256 of its bytes, hex.
        outcome: what is forecast.
        horizon_days: within how many days of `index`.
        index: the day from which on it looks, ISO 8601.
        probability: between 0 and 1.
        log_odds: the same as the model adds it up: `base` and all contributions.
        base: the log odds before anything is known of the person.
        contributions: a feature each, in the dictionary's order.
    """

    subject: str = field(repr=False)
    study: str
    release: int
    model: str
    outcome: str
    horizon_days: int
    index: str = field(repr=False)
    probability: float = field(repr=False)
    log_odds: float = field(repr=False)
    base: float = field(repr=False)
    contributions: tuple[Contribution, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of one study."""

    transport: Transport
    study: str | None

    def of(self, *, identifier: str | None = None, subject: str | None = None, key: str | None = None) -> Prediction:
        """Return one person's risk, by the hospital's `system|value` or by SubjectId; it is logged, and they see it."""
        if (identifier is None) == (subject is None):
            raise UsageError("name the person once: by the hospital's identifier, or by SubjectId")
        who: dict[str, Json] = {"subject": subject} if identifier is None else {"identifier": identifier}
        path = at("studies", named(self.study), "predictions")
        return answers.read(Prediction, self.transport.post(path, who, key=key))
