"""What people report about lines of their activity, and the answers; the texts are sealed under their keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from consent.domain.terms import SubjectId


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One report.

    Attributes:
        id: eight characters of Crockford's base 32, which somebody can tell on the telephone.
        subject: who reports.
        entry: the index of the entry that looks wrong.
        created: Unix seconds.
        sealed: what they wrote.
        answered: Unix seconds, None before.
        answer: what they were answered, sealed; None before.
    """

    id: str
    subject: SubjectId
    entry: int
    created: int
    sealed: bytes
    answered: int | None = None
    answer: bytes | None = None


class Reports(Protocol):
    """Reports of all people."""

    def add(self, report: StoredReport) -> None:
        """Store a report."""

    def get(self, report: str) -> StoredReport | None:
        """Return a report by its id."""

    def everything(self) -> Sequence[StoredReport]:
        """Return all reports, the oldest first."""

    def of_subject(self, subject: SubjectId) -> Sequence[StoredReport]:
        """Return a person's reports, the oldest first."""

    def about(self, subject: SubjectId, entries: Collection[int]) -> Mapping[int, StoredReport]:
        """Return a person's reports about these entries, by the entry."""

    def answer(self, report: str, answered: int, sealed: bytes) -> None:
        """Store an answer, in the place of an earlier one."""

    def drop(self, subject: SubjectId) -> None:
        """Delete a person's reports."""
