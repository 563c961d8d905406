"""Aggregates of predictions: how many people stand where, and never one of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from consent.client import answers
from consent.client.jobs import Job, Work
from consent.client.paths import at, named
from consent.client.progress import Show, bar
from consent.client.transport import Transport
from consent.domain.hashing import Json


@dataclass(frozen=True, slots=True)
class Aggregate:
    """About how many people stand in each fifth of the estimated risk, lowest first; None where too few to be shown.

    `epsilon` is what it cost, `left` what the study may still spend within the period.
    """

    release: int
    people: tuple[int | None, ...]
    epsilon: float
    left: float


class Aggregating(Work):
    """An aggregate that may be waited for."""

    __slots__ = ()

    def wait(self, show: Callable[[str], AbstractContextManager[Show]] = bar) -> Aggregate:
        """Wait until it is over and return the figures; raise what ended it otherwise."""
        return answers.read(Aggregate, self.finished(show).result())


@dataclass(frozen=True, slots=True)
class Aggregates:
    """The aggregates of one study."""

    transport: Transport
    study: str | None

    def start(self, *, cohort: str | None = None, key: str | None = None) -> Aggregating:
        """Count people by fifths of the served model's risk, on a saved cohort or on everybody; it costs budget."""
        body: dict[str, Json] = {} if cohort is None else {"cohort": cohort}
        path = at("studies", named(self.study), "aggregates")
        job = answers.read(Job, self.transport.post(path, body, key=key))
        return Aggregating(self.transport, job, self.transport.pause)
