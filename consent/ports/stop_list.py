"""What must never be forgotten, apart from every database."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from consent.domain.stop_list import Mark, StopState


class StopList(Protocol):
    """Stops, blocks, shreds and tombstones: acknowledged once they stand here, and replayed after every restore.

    Each call raises `StopListMissingError` or another `StopListError`; without the list nothing serves.
    """

    def append(self, marks: Sequence[Mark]) -> StopState:
        """Write marks at the end; they are on disk when this returns. Returns the state with them."""

    def state(self) -> StopState:
        """Return what all marks add up to, those of other processes too."""

    def marks(self) -> Iterator[Mark]:
        """Yield every mark in order, from the one that begins the list."""
