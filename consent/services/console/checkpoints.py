"""What was signed of the log, by whom else, and how late the chain got to hold it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from consent.ports import AnchoredAt, AuditLog, Store, Unit
from consent.services.console.chronicle import Chronicle
from consent.services.console.dating import time_of
from consent.services.console.proving import LogIdentity

LATE = 2
"""An anchor is late once the oldest entry that no anchor covers is older than so many times the schedule."""


@dataclass(frozen=True, slots=True)
class Signed:
    """One signed checkpoint.

    Attributes:
        size: how many entries it covers.
        root: of its tree, 32 bytes; empty where the stored note is not the log key's.
        last: time of the newest entry that it covers, Unix seconds.
        signers: who certified it, by name; None where nobody did.
        version: of the list of signers.
        anchor: where the chain holds it, None where it does not.
        lag: seconds from the oldest entry that the anchor was the first to cover, to its block.
        late: whether that was late.
    """

    size: int
    root: bytes
    last: int
    signers: Sequence[str] | None
    version: int
    anchor: AnchoredAt | None
    lag: int | None
    late: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far the chain is behind the log.

    Attributes:
        size: how many entries the newest anchored checkpoint covers, 0 for none.
        newest: that anchor.
        behind: how many entries no anchor covers.
        lag: age of the oldest of those, in seconds.
        late: whether that is too old.
        every: the schedule, in seconds.
    """

    size: int
    newest: AnchoredAt | None
    behind: int
    lag: int
    late: bool
    every: int


@dataclass(frozen=True, slots=True)
class CheckpointPage:
    """Some checkpoints, the newest first; `older` is the size below which the next page begins, None where none does.

    `certified` is the newest that others signed too, by its size.
    """

    checkpoints: Sequence[Signed]
    older: int | None
    total: int
    anchored: Backlog
    certified: int | None


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Reads what proves the log; `every` is the anchors' schedule, in seconds."""

    store: Store
    identity: LogIdentity
    chronicle: Chronicle
    clock: Callable[[], datetime]
    every: int

    def page(self, before: int | None, size: int, *, proven: bool = False) -> CheckpointPage:
        """Return some checkpoints, where asked only those that are anchored or certified."""
        with self.store.reading() as unit:
            self.chronicle.follow(unit)
            anchors = {anchor.size: anchor for anchor in unit.log.anchors()}
            certified = {one.size: one.version for one in unit.certificates.everything()}
            told = unit.log.checkpoints()
            wanted = [one for one in told if not proven or one[0] in anchors or one[0] in certified]
            below = [one for one in reversed(wanted) if before is None or one[0] < before]
            page = [self._signed(unit, *one, anchors, certified) for one in below[:size]]
            older = page[-1].size if page and len(below) > size else None
            return CheckpointPage(page, older, len(wanted), self.anchored(unit), max(certified, default=None))

    def anchored(self, unit: Unit) -> Backlog:
        """Return how far the chain is behind the log."""
        anchors, size = unit.log.anchors(), unit.log.size()
        newest = anchors[-1] if anchors else None
        covered = newest.size if newest else 0
        oldest = _time_at(unit.log, covered) if covered < size else None
        lag = max(0, int(self.clock().timestamp()) - oldest) if oldest is not None else 0
        return Backlog(covered, newest, size - covered, lag, lag > LATE * self.every, self.every)

    def _signed(
        self,
        unit: Unit,
        size: int,
        note: str,
        anchors: dict[int, AnchoredAt],
        certified: dict[int, int],
    ) -> Signed:
        checkpoint, anchor = self.identity.opened(note), anchors.get(size)
        lag = _lag(unit.log, anchor, [one for one in anchors if one < size]) if anchor else None
        return Signed(
            size=size,
            root=checkpoint.root if checkpoint and checkpoint.size == size else b"",
            last=_time_at(unit.log, size - 1) or 0,
            signers=self._signers(size) if size in certified else None,
            version=certified.get(size, 0),
            anchor=anchor,
            lag=lag,
            late=lag is not None and lag > LATE * self.every,
        )

    def _signers(self, size: int) -> list[str]:
        """Return who certified a checkpoint: the log names them, as the operator's policy does."""
        told = self.chronicle.certified.get(size)
        names = told.facts.get("signers", ()) if told else ()
        return [str(name) for name in names] if isinstance(names, list) else []


def _lag(log: AuditLog, anchor: AnchoredAt, before: Sequence[int]) -> int | None:
    oldest = _time_at(log, max(before, default=0))
    return None if oldest is None else max(0, anchor.time - oldest)


def _time_at(log: AuditLog, index: int) -> int | None:
    found = log.some([index]).get(index)
    return None if found is None else time_of(found)
