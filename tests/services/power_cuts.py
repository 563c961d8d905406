"""Power cuts between any two things that the ledger's process does: a fuse that blows at its n-th spark."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from consent.ports import Ledger, Store, Unit


class PowerCutError(Exception):
    """The lights went out."""


@dataclass(slots=True)
class Fuse:
    """Blows after `left` sparks."""

    left: int

    def spark(self) -> None:
        """Count one, and blow when it was the last."""
        self.left -= 1
        if self.left == 0:
            raise PowerCutError


@dataclass(slots=True)
class CutLedger:
    """A ledger whose caller may die before each call and after it."""

    ledger: Ledger
    fuse: Fuse

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.ledger, name)
        return self._cut(value) if callable(value) else value

    def _cut(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def cut(*arguments: object) -> Any:
            self.fuse.spark()
            answer = call(*arguments)
            self.fuse.spark()
            return answer

        return cut


@dataclass(slots=True)
class CutStore:
    """A store whose caller may die before a transaction, before its commit and after it."""

    store: Store
    fuse: Fuse

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        """Open a transaction that writes."""
        self.fuse.spark()
        with self.store.begin() as unit:
            yield unit
            self.fuse.spark()
        self.fuse.spark()

    @contextmanager
    def reading(self) -> Iterator[Unit]:
        """Open a transaction that reads."""
        with self.store.reading() as unit:
            yield unit

    def forget_order(self) -> None:
        """Empty the write-ahead log."""
        self.store.forget_order()
