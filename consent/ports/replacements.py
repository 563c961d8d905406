"""New keys that wait to take the place of people's old ones, sealed under the people's keys."""

from collections.abc import Sequence
from typing import Protocol

from consent.domain.terms import SubjectId


class Replacements(Protocol):
    """One sealed row a person, with the Unix second from which on it may count."""

    def get(self, subject: SubjectId) -> bytes | None:
        """Return what waits for a person."""

    def put(self, subject: SubjectId, due: int, sealed: bytes) -> None:
        """Keep this in the place of what waited before."""

    def everyone(self) -> Sequence[SubjectId]:
        """Return for whom something waits."""

    def drop(self, subject: SubjectId) -> None:
        """Delete what waits for a person."""
