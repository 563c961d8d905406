"""A second copy of the log, outside every database: what was signed is never lost with a disk or by a restore."""

from collections.abc import Iterator, Sequence
from typing import Protocol


class LogArchive(Protocol):
    """The entries' bytes in order, as far as they were ever signed."""

    def size(self) -> int:
        """Return how many entries it holds."""

    def append(self, first: int, bodies: Sequence[bytes]) -> None:
        """Store entries from index `first` on; they are on disk when this returns, and known ones stay as they are.

        Raises `LogForkError` when they leave a gap or do not continue what is there, `ArchiveError`.
        """

    def last(self) -> bytes | None:
        """Return the newest entry's bytes, None while there is none."""

    def bodies(self, first: int = 0) -> Iterator[bytes]:
        """Yield the entries' bytes from index `first` on."""
