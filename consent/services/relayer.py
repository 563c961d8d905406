"""Publishing what is acknowledged: the outbox goes to the registry in batches, revocations first.

An item leaves the outbox in the transaction that stores its event, never before: a crash between sending and storing
costs at most a second look at the chain, and nothing is sent that the chain already holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from consent.domain.entry import Action, Entry
from consent.domain.errors import LedgerRejectedError
from consent.domain.grant import BATCH_LIMIT, PublishedGrant, SignedRevocation
from consent.ports import Errand, Ledger, Mined, OutboxItem, Store
from consent.services.log import Log
from consent.services.projection import LedgerProjection


@dataclass(frozen=True, slots=True)
class Published:
    """One batch that the ledger took."""

    errand: Errand
    items: int
    mined: Mined


@dataclass(frozen=True, slots=True)
class Relayer:
    """The outbox's way to the ledger."""

    store: Store
    ledger: Ledger
    projection: LedgerProjection
    log: Log

    def publish(self, now: Callable[[], datetime], progress: Callable[[int], None] = lambda _: None) -> list[Published]:
        """Publish all that waits; calls `progress` with the number of items after each batch."""
        published: list[Published] = []
        self.projection.follow(now())
        for errand in (Errand.REVOKE, Errand.STOP, Errand.GRANT):
            while batch := self._next(errand, now()):
                sent = self._send(errand, batch, now())
                published.extend(sent)
                self.projection.follow(now())
                progress(sum(part.items for part in sent))
        return published

    def _next(self, errand: Errand, now: datetime) -> Sequence[OutboxItem]:
        """Return the next batch, having dropped what the ledger would never take or already holds."""
        while True:
            with self.store.reading() as unit:
                waiting = unit.outbox.waiting(errand, BATCH_LIMIT)
            done = [item for item in waiting if self._needless(item, now)]
            if not done:
                return waiting
            with self.store.begin() as unit:
                unit.outbox.remove(errand, [(item.patient, item.commitment) for item in done])

    def _needless(self, item: OutboxItem, now: datetime) -> bool:
        row = self.projection.rows.get((item.patient, item.commitment))
        if item.errand is Errand.GRANT:
            return item.publish_by <= now.timestamp() or (row is not None and row.granted_block is not None)
        return row is not None and row.revoked_block is not None

    def _send(self, errand: Errand, batch: Sequence[OutboxItem], now: datetime) -> list[Published]:
        """Send a batch; when the registry refuses it, halve it until the item at fault stands alone, and drop that."""
        try:
            return [Published(errand, len(batch), self._call(errand, batch))]
        except LedgerRejectedError:
            if len(batch) > 1:
                middle = len(batch) // 2
                return [*self._send(errand, batch[:middle], now), *self._send(errand, batch[middle:], now)]
            self._reject(batch[0], now)
            return []

    def _call(self, errand: Errand, batch: Sequence[OutboxItem]) -> Mined:
        if errand is Errand.GRANT:
            return self.ledger.grant([_grant(item) for item in batch])
        if errand is Errand.REVOKE:
            return self.ledger.revoke_signed([_revocation(item) for item in batch])
        return self.ledger.stop([(item.patient, item.commitment) for item in batch])

    def _reject(self, item: OutboxItem, now: datetime) -> None:
        action = Action.GRANT if item.errand is Errand.GRANT else Action.STOP
        with self.store.begin() as unit:
            unit.outbox.remove(item.errand, [(item.patient, item.commitment)])
            self.log.append(unit, [Entry(int(now.timestamp()), "relayer", action, "REJECTED_BY_LEDGER")])


def _grant(item: OutboxItem) -> PublishedGrant:
    return PublishedGrant(item.commitment, item.patient, item.expires, item.publish_by, item.signature)


def _revocation(item: OutboxItem) -> SignedRevocation:
    return SignedRevocation(item.commitment, item.patient, item.signature)
