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
    _followed: set[bytes] = field(default_factory=set)

    def load(self, unit: Unit) -> None:
        """Read the stored copy."""
        self.head = unit.projection.head()
        self.rows = {(row.patient, row.commitment): row for row in unit.projection.everything()}
        self._followed = {commitment for _, commitment in self.rows}

    def follow(self, now: datetime) -> ProjectionHead:
        """Read the ledger up to its newest final block and store what changed, with the outbox, in one transaction.

        When the recomputed history is not the contract's, or the block we stopped at is gone, the head says so
        (`matches` is False) and every decision is refused until an operator has looked.
        """
        head = self._living_head(now)
        before, first = self._resume()
        events = self.ledger.events(first, head.number)
        history = fold(before, events)
        true = self._unbroken() and history == self.ledger.history(head.number)
        newcomers = self.book.commitments() - self._followed
        ours = [*self._missed(newcomers, first), *events]
        changed = self._changed(ours)
        after = ProjectionHead(head, history, true, int(now.timestamp()))
        with self.store.begin() as unit:
            unit.projection.save(after, changed.values())
            _settle(unit.outbox, ours)
        self.rows.update(changed)
        self._followed |= newcomers
        self.head = after
        return after

    def reading(self) -> LedgerReading:
        """Say how current and how true the copy is; before the first read it is neither."""
        if self.head is None:
            return LedgerReading(0, 0, matches=True)
        return LedgerReading(self.head.read_at, self.head.block.time, self.head.matches)

    def _living_head(self, now: datetime) -> Head:
        head = self.ledger.head()
        return self.ledger.beat() if now.timestamp() - head.time > HEARTBEAT_SECONDS else head

    def _resume(self) -> tuple[bytes, int]:
        return (self.head.history, self.head.block.number + 1) if self.head else (EMPTY_HISTORY, 0)

    def _unbroken(self) -> bool:
        if self.head is None:
            return True
        block: Head = self.ledger.block(self.head.block.number)
        return self.head.matches and block.hash == self.head.block.hash

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
