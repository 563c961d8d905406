"""Cohorts: who is meant, counted with noise, and kept under a title for a training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from consent.client import answers
from consent.client.pages import pages
from consent.client.paths import at, named
from consent.client.transport import Transport
from consent.domain.hashing import Json


@dataclass(frozen=True, slots=True)
class Count:
    """About how many of those who allow being counted are in a cohort.

    Attributes:
        people: with noise, a multiple of 5.
        english: whom the query means, in words.
        epsilon: what the answer cost, once; asked again within the period it is the same and costs nothing.
        left: what the study may still spend within the period.
        question: SHA-256 of the query, by which the answer is kept.
    """

    people: int
    english: str
    epsilon: float
    left: float
    question: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """A query that was kept under a title: as JSON, in English, and its SHA-256; `created` in Unix seconds."""

    id: str
    title: str
    english: str
    question: str
    query: Mapping[str, Any]
    created: int


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The cohorts of one study."""

    transport: Transport
    study: str | None

    def __call__(self) -> Iterator[Cohort]:
        """Yield those that were saved."""
        return pages(self.transport, self._at(), Cohort)

    def preview(self, query: Mapping[str, Json], *, key: str | None = None) -> Count:
        """Count; it costs budget, unless the same was asked within the period.

        Raises `RefusedError` once the budget is spent, and where those who are in it, or those who are not, are too few
        to be told (`cohort-below-threshold`); that costs as much, because it is an answer too.
        """
        return answers.read(Count, self.transport.post(self._at("preview"), {"query": query}, key=key))

    def save(self, title: str, query: Mapping[str, Json], *, key: str | None = None) -> Cohort:
        """Keep a query; nobody is counted for that."""
        return answers.read(Cohort, self.transport.post(self._at(), {"title": title, "query": query}, key=key))

    def read(self, cohort: str) -> Cohort:
        """Return one by its id; raise `NotFoundError`."""
        return answers.read(Cohort, self.transport.get(self._at(cohort)))

    def forget(self, cohort: str) -> None:
        """Take one away; trainings that used it keep its query."""
        self.transport.delete(self._at(cohort))

    def _at(self, *parts: str) -> str:
        return at("studies", named(self.study), "cohorts", *parts)
