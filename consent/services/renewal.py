"""The outbox made anew: what was signed and stopped, less what the ledger holds for good, is what must still go there.

Rows of the outbox die with their epoch, and a restored backup has those of an epoch that is dead. Nothing acknowledged
is lost with them: a grant is kept with its consent, and so is the patient's own revocation, both under the patient's
key; that a consent was stopped stands in the log. Asked twice, it does nothing the second time.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from consent.domain.publication import draw_slots
from consent.domain.registry_replay import Key
from consent.domain.signed_consent import SignedConsent
from consent.domain.terms import SubjectId
from consent.ports import Errand, OutboxItem, ProjectedGrant, StoredConsent, Unit
from consent.services.book import BookEntry, ConsentBook
from consent.services.granting import PUBLISH_MARGIN_SECONDS
from consent.services.outbox import OpenOutbox, Outbox

_BATCH: Final = 500
_Owned = tuple[SubjectId, OutboxItem]


@dataclass(frozen=True, slots=True)
class Renewal:
    """Makes the outbox anew; `publication_window` in seconds (`consent.domain.publication`)."""

    outbox: Outbox
    book: ConsentBook
    publication_window: int = 0

    def renew(self, unit: Unit, ledger: Mapping[Key, ProjectedGrant], final: int, now: int) -> None:
        """Drop what no key opens and queue what is missing, in slots drawn anew, in a transaction that just began.

        `ledger` is what the chain says of each commitment and `final` its newest final block. Call it while no
        transaction is on its way to the chain: what one carries is missing from `ledger` and would go out twice.
        """
        self.book.follow(unit)
        waiting = self.outbox.on(unit)
        waiting.forget_unreadable()
        wanted = list(self._wanted(unit, _Held(ledger, final)))
        ended = [(item.patient, item.commitment) for _, item in wanted if item.errand is not Errand.GRANT]
        waiting.remove(Errand.GRANT, ended)  # a restored outbox may not know that they were stopped
        there = {_about(item) for item in waiting.everything()}
        missing = [owned for owned in wanted if _about(owned[1]) not in there]
        for subject, group in groupby(sorted(missing, key=_subject), key=_subject):
            self._queue(waiting, subject, [item for _, item in group], now)

    def _wanted(self, unit: Unit, held: "_Held") -> Iterator[_Owned]:
        """Yield what must come on the ledger and is not there for good."""
        living = {entry.id: entry for _, entry in self.book.everything() if self._is_open(entry, held)}
        for consents in _read(unit, list(living)):
            stopped = [consent for consent in consents if living[consent.id].stopped]
            running = [consent for consent in consents if not living[consent.id].stopped]
            yield from self._ending([(consent, _key(living[consent.id])) for consent in stopped])
            for consent, signed in zip(running, self.book.opened(running), strict=True):
                if signed is not None:
                    yield consent.subject, _grant(signed, living[consent.id].commitment)
        for subject in self.book.blocked:
            yield from self._blocked(unit.consents.of_subject(subject), held)

    def _is_open(self, entry: BookEntry, held: "_Held") -> bool:
        if entry.stopped:
            return not held.revoked(_key(entry))
        return not (entry.id in self.book.undone or held.granted(_key(entry)) or held.revoked(_key(entry)))

    def _blocked(self, consents: Sequence[StoredConsent], held: "_Held") -> Iterator[_Owned]:
        """Yield the ends of the consents of a person who is being erased: the book has let go of them."""
        signed = zip(consents, self.book.opened(consents), strict=True)
        keys = [(consent, (one.patient, one.grant.commitment)) for consent, one in signed if one is not None]
        return self._ending([(consent, key) for consent, key in keys if not held.revoked(key)])

    def _ending(self, consents: Sequence[tuple[StoredConsent, Key]]) -> Iterator[_Owned]:
        revocations = self.book.revocations([consent for consent, _ in consents])
        for (consent, key), signature in zip(consents, revocations, strict=True):
            end = OutboxItem(Errand.STOP, *key)
            yield consent.subject, replace(end, errand=Errand.REVOKE, signature=signature) if signature else end

    def _queue(self, waiting: OpenOutbox, subject: SubjectId, items: Sequence[OutboxItem], now: int) -> None:
        limits = [item.publish_by - PUBLISH_MARGIN_SECONDS if item.errand is Errand.GRANT else None for item in items]
        slots = draw_slots(now, self.publication_window, limits, waiting.slots(subject), secrets.randbelow)
        waiting.add(subject, [replace(item, due=due) for item, due in zip(items, slots, strict=True)])


@dataclass(frozen=True, slots=True)
class _Held:
    """What the ledger holds for good."""

    rows: Mapping[Key, ProjectedGrant]
    final: int

    def granted(self, key: Key) -> bool:
        row = self.rows.get(key)
        return row is not None and row.granted_block is not None and row.granted_block <= self.final

    def revoked(self, key: Key) -> bool:
        row = self.rows.get(key)
        return row is not None and row.revoked_block is not None and row.revoked_block <= self.final


def _read(unit: Unit, ids: Sequence[str]) -> Iterable[Sequence[StoredConsent]]:
    return (unit.consents.of_ids(ids[start : start + _BATCH]) for start in range(0, len(ids), _BATCH))


def _grant(signed: SignedConsent, commitment: bytes) -> OutboxItem:
    return OutboxItem(Errand.GRANT, signed.patient, commitment, signed.expires, signed.publish_by, signed.signature)


def _key(entry: BookEntry) -> Key:
    return entry.patient, entry.commitment


def _about(item: OutboxItem) -> tuple[bool, Key]:
    """Return what an item is about: a stop and the patient's own revocation end the same."""
    return item.errand is Errand.GRANT, (item.patient, item.commitment)


def _subject(owned: _Owned) -> SubjectId:
    return owned[0]
