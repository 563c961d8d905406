"""Following the chain: the registry's events become rows that decisions read, checked against the history hash."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from consent.domain.decision import LedgerReading
from consent.domain.history import EMPTY_HISTORY, Event, Granted, fold
from consent.domain.typed_data import Address
from consent.ports import Errand, Head, Ledger, Outbox, ProjectedGrant, ProjectionHead, Store, Unit
from consent.services.book import ConsentBook

Key = tuple[Address, bytes]
HEARTBEAT_SECONDS = 30
"""An idle embedded chain adds an empty block after this long, so that its silence is not taken for being stale."""


@dataclass(slots=True)
class LedgerProjection:
    """The ledger's state for the consents of this installation.

    Strangers may publish too: their events are folded into the history and not stored.
    """

    store: Store
    ledger: Ledger
    book: ConsentBook
    rows: dict[Key, ProjectedGrant] = field(default_factory=dict)
    head: ProjectionHead | None = None
    _kept: ProjectionHead | None = None
    _good: ProjectionHead | None = None
    _followed: set[bytes] = field(default_factory=set)

    def load(self, unit: Unit) -> None:
        """Read how far the copy went. Its rows are not believed: the first `follow` replays the ledger."""
        self._kept = unit.projection.head()

    def follow(self, now: datetime) -> ProjectionHead:
        """Read the ledger up to its newest final block and store what changed, with the outbox, in one transaction.

        When the recomputed history is not the contract's, or the ledger does not continue the one that was read
        before, nothing is stored, the head says so (`matches` is False), and every decision is refused until the
        right ledger is back.
        """
        if not self._continues(self.ledger.head()):
            return self._mismatch(self.ledger.head(), now)
        head = self._living_head(now)
        before, first = (self._good.history, self._good.block.number + 1) if self._good else (EMPTY_HISTORY, 0)
        events = self.ledger.events(first, head.number)
        history = fold(before, events)
        if history != self.ledger.history(head.number):
            return self._mismatch(head, now)
        newcomers = self.book.commitments() - self._followed
        ours = [*self._missed(newcomers, first), *events]
        changed = self._changed(ours)
        after = ProjectionHead(head, history, matches=True, read_at=int(now.timestamp()))
        with self.store.begin() as unit:
            unit.projection.save(after, changed.values())
            _settle(unit.outbox, ours)
        self.rows.update(changed)
        self._followed |= newcomers
        self.head = self._kept = self._good = after
        return after

    def reading(self) -> LedgerReading:
        """Say how current and how true the copy is; before the first read it is neither."""
        if self.head is None:
            return LedgerReading(0, 0, matches=True)
        return LedgerReading(self.head.read_at, self.head.block.time, self.head.matches)

    def _continues(self, head: Head) -> bool:
        """Say whether the ledger still holds the block that was read last, with the history it had then."""
        kept = self._kept
        if kept is None:
            return True
        if head.number < kept.block.number or self.ledger.block(kept.block.number).hash != kept.block.hash:
            return False
        return self.ledger.history(kept.block.number) == kept.history

    def _mismatch(self, head: Head, now: datetime) -> ProjectionHead:
        history = self._good.history if self._good else EMPTY_HISTORY
        self.head = ProjectionHead(head, history, matches=False, read_at=int(now.timestamp()))
        return self.head

    def _living_head(self, now: datetime) -> Head:
        head = self.ledger.head()
        return self.ledger.beat() if now.timestamp() - head.time > HEARTBEAT_SECONDS else head

    def _missed(self, newcomers: frozenset[bytes], first: int) -> list[Event]:
        """Return what befell newcomers before they came in here: anyone may publish, the patient may revoke."""
        if not newcomers or not first:
            return []
        return [event for event in self.ledger.events(0, first - 1) if event.commitment in newcomers]

    def _changed(self, events: Iterable[Event]) -> dict[Key, ProjectedGrant]:
        changed: dict[Key, ProjectedGrant] = {}
        for event in events:
            key = (event.patient, event.commitment)
            if self.book.address(event.commitment) == event.patient:
                changed[key] = _after(changed.get(key) or self.rows.get(key) or ProjectedGrant(*key), event)
        return changed


def _after(row: ProjectedGrant, event: Event) -> ProjectedGrant:
    """Return a row after one more event; the first grant and the first revocation of a commitment stand."""
    if isinstance(event, Granted):
        known = row.granted_block is not None
        return row if known else replace(row, expires=event.expires, granted_block=event.block)
    return row if row.revoked_block is not None else replace(row, revoked_block=event.block)


def _settle(outbox: Outbox, events: Sequence[Event]) -> None:
    """Take from the outbox what the ledger now holds."""
    granted = [(event.patient, event.commitment) for event in events if isinstance(event, Granted)]
    revoked = [(event.patient, event.commitment) for event in events if not isinstance(event, Granted)]
    outbox.remove(Errand.GRANT, granted)
    outbox.remove(Errand.REVOKE, revoked)
    outbox.remove(Errand.STOP, revoked)
