"""Publishing what is acknowledged: the outbox goes to the registry in batches, revocations first.

An item leaves the outbox in the transaction that stores its event, never before: a crash between sending and storing
costs at most a second look at the chain, and nothing is sent that the chain already holds.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from consent.domain.entry import Action, Entry
from consent.domain.errors import LedgerRejectedError
from consent.domain.grant import BATCH_LIMIT, PublishedGrant, SignedRevocation
from consent.ports import Errand, Ledger, Mined, OutboxItem, Store
from consent.services.log import Log
from consent.services.projection import Key, LedgerProjection


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
        """Publish all that waits; calls `progress` with the number of items after each batch.

        A revocation or stop that the ledger does not take now, such as the 513th stop of a day, stays in the outbox.
        """
        published: list[Published] = []
        self.projection.follow(now())
        for errand in (Errand.REVOKE, Errand.STOP, Errand.GRANT):
            deferred: set[Key] = set()
            while batch := self._next(errand, now(), deferred):
                sent = self._send(errand, batch, now(), deferred)
                published.extend(sent)
                self.projection.follow(now())
                progress(sum(part.items for part in sent))
        return published

    def _next(self, errand: Errand, now: datetime, deferred: Collection[Key] = ()) -> Sequence[OutboxItem]:
        """Return the next batch, having dropped what the ledger already holds or would never take."""
        while True:
            with self.store.reading() as unit:
                waiting = unit.outbox.waiting(errand, BATCH_LIMIT + len(deferred))
            done = [item for item in waiting if self._is_done(item)]
            late = [item for item in waiting if item not in done and _is_late(item, now)]
            if not done and not late:
                return [item for item in waiting if _key(item) not in deferred][:BATCH_LIMIT]
            with self.store.begin() as unit:
                unit.outbox.remove(errand, [_key(item) for item in done])
            self._drop(late, "EXPIRED_UNPUBLISHED", now)

    def _is_done(self, item: OutboxItem) -> bool:
        row = self.projection.rows.get(_key(item))
        if row is None:
            return False
        return (row.granted_block if item.errand is Errand.GRANT else row.revoked_block) is not None

    def _send(
        self, errand: Errand, batch: Sequence[OutboxItem], now: datetime, deferred: set[Key]
    ) -> list[Published]:  # fmt: skip
        """Send a batch; when the registry refuses it, halve it until the item at fault stands alone.

        A grant at fault is dropped, with an entry; what ends a consent is never dropped.
        """
        try:
            return [Published(errand, len(batch), self._call(errand, batch))]
        except LedgerRejectedError:
            if len(batch) > 1:
                middle = len(batch) // 2
                first = self._send(errand, batch[:middle], now, deferred)
                return [*first, *self._send(errand, batch[middle:], now, deferred)]
            if errand is Errand.GRANT:
                self._drop(batch, "REJECTED_BY_LEDGER", now)
            deferred.update(_key(item) for item in batch)
            return []

    def _call(self, errand: Errand, batch: Sequence[OutboxItem]) -> Mined:
        if errand is Errand.GRANT:
            return self.ledger.grant([_grant(item) for item in batch])
        if errand is Errand.REVOKE:
            return self.ledger.revoke_signed([_revocation(item) for item in batch])
        return self.ledger.stop([(item.patient, item.commitment) for item in batch])

    def _drop(self, items: Sequence[OutboxItem], verdict: str, now: datetime) -> None:
        """Take grants out of the outbox for good; the log says whose, so that the patient can be told."""
        if not items:
            return
        with self.store.begin() as unit:
            unit.outbox.remove(Errand.GRANT, [_key(item) for item in items])
            self.log.append(unit, [self._dropped(item, verdict, now) for item in items])

    def _dropped(self, item: OutboxItem, verdict: str, now: datetime) -> Entry:
        entry = Entry(int(now.timestamp()), "relayer", Action.GRANT, verdict)
        found = self.projection.book.find(*_key(item))
        if found is None:
            return entry
        subject, consent = found
        return replace(entry, subject=subject, study=consent.terms.study.id, consent=consent.id)


def _key(item: OutboxItem) -> Key:
    return item.patient, item.commitment


def _is_late(item: OutboxItem, now: datetime) -> bool:
    return item.errand is Errand.GRANT and item.publish_by <= now.timestamp()


def _grant(item: OutboxItem) -> PublishedGrant:
    return PublishedGrant(item.commitment, item.patient, item.expires, item.publish_by, item.signature)


def _revocation(item: OutboxItem) -> SignedRevocation:
    return SignedRevocation(item.commitment, item.patient, item.signature)
