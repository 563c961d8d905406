"""Letters that wait, as the records database keeps them: who gets one and what it tells is sealed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """One letter that waits.

    Attributes:
        id: a keyed HMAC of its cause, 32 bytes.
        due: Unix seconds; not before then.
        epoch: whose key opens it.
        sealed: what it tells, and whom.
        tries: how often it was not taken.
    """

    id: bytes
    due: int
    epoch: int
    sealed: bytes
    tries: int = 0


class Notices(Protocol):
    """The letters that wait, the causes that were taken up, and how far the log was read for them."""

    def read(self) -> int | None:
        """Return how many entries of the log were read; None where nobody ever looked."""

    def begin(self, size: int) -> None:
        """Store that letters tell of entries from here on."""

    def set_read(self, size: int) -> None:
        """Store how many entries were read."""

    def read_again(self) -> None:
        """Read from where letters began once more."""

    def mark(self, notice: bytes, now: int) -> bool:
        """Store a cause for good; say whether it is new."""

    def add(self, notice: StoredNotice) -> None:
        """Store a letter."""

    def due(self, epoch: int, now: int) -> StoredNotice | None:
        """Return the letter of an epoch that has been due longest."""

    def claim(self, notice: StoredNotice, due: int, tries: int) -> bool:
        """Put a letter off; False where it is gone, or another process put it off before."""

    def remove(self, notice: bytes) -> None:
        """Delete a letter; its cause stays."""

    def of_epoch(self, epoch: int) -> Sequence[StoredNotice]:
        """Return the letters that an epoch's key opens."""

    def outside(self, epoch: int, now: int) -> Sequence[bytes]:
        """Return the ids of letters of other epochs that are due."""

    def undo(self, notice: bytes) -> None:
        """Delete a letter and its cause, which may then be taken up again."""

    def waiting(self) -> int:
        """Return how many letters wait."""
