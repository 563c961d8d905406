"""What people wish to be asked, sealed under their keys."""

from typing import Protocol

from consent.domain.terms import SubjectId


class Wishes(Protocol):
    """One sealed row a person."""

    def get(self, subject: SubjectId) -> bytes | None:
        """Return what is kept of a person."""

    def put(self, subject: SubjectId, sealed: bytes) -> None:
        """Keep this in the place of what was kept before."""

    def drop(self, subject: SubjectId) -> None:
        """Delete what is kept of a person."""
