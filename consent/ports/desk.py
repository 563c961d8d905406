"""What the researchers' desk keeps: cohorts that were saved, and answers that may be asked for again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredCohort:
    """A cohort query that a study keeps under a title.

    Attributes:
        id: 32 hex digits, of the study, the title and the question.
        study: whose it is.
        title: one line.
        question: SHA-256 of the query's canonical JSON, 64 hex digits.
        query: that JSON.
        created: Unix seconds.
    """

    id: str
    study: str
    title: str
    question: str
    query: bytes
    created: int


class CohortRows(Protocol):
    """Saved cohorts."""

    def add(self, cohort: StoredCohort) -> None:
        """Store a cohort, unless one with its id is there."""

    def get(self, study: str, cohort: str) -> StoredCohort | None:
        """Return a study's cohort."""

    def of_study(self, study: str) -> Sequence[StoredCohort]:
        """Return a study's cohorts, in no order."""

    def remove(self, study: str, cohort: str) -> bool:
        """Delete a cohort; say whether it was there."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a request with a key is answered, for whoever sends it again.

    Attributes:
        key: SHA-256 of who asks and of the key, 32 bytes.
        asked: SHA-256 of the request, 32 bytes.
        epoch: the epoch of keys under which `answer` is sealed; 0 where it was not to be kept.
        expires: Unix seconds; from then on the key is a new one.
        answer: sealed; None while the request is not answered.
    """

    key: bytes
    asked: bytes
    epoch: int
    expires: int
    answer: bytes | None = None


class AnswerRows(Protocol):
    """Answers by key."""

    def get(self, key: bytes) -> StoredAnswer | None:
        """Return what is kept under a key, however old."""

    def put(self, answer: StoredAnswer) -> None:
        """Store it, in the place of an earlier state."""

    def remove(self, key: bytes) -> None:
        """Delete it."""

    def clear(self, now: int) -> None:
        """Delete what has expired."""
