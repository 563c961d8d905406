"""The outbox as services see it: items in clear, each a row at rest that names nobody and dies with its epoch.

    waiting = outbox.on(unit)                        one transaction, and the epoch that is live now
    waiting.add(subject, items)
    waiting.due(Errand.GRANT, now, 256)

A person's entry of the log and their rows are stored in one transaction, and old copies of a database show which rows
one transaction wrote. So a row has no address and no commitment, only MACs and sealed bytes under the epoch's key. Rows
of a dead epoch open for nobody: `consent.services.renewal` makes them anew.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812  # an error like any other
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.registry_replay import Key
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import Errand, OutboxItem, OutboxRow, OutboxRows, Unit
from vault import DecryptionError, EpochSeal

_ITEM: Final = Struct(">20s32sQQ")
"""address (20) || commitment (32) || expires (8) || publish_by (8), then the signature: 64 bytes, of a stop none."""


_NO_EPOCH: Final = 0
"""Epochs count from 1: no key opens a row of this one."""


class OutboxDamagedError(ConsentError):
    """A row is not what was sealed; make the outbox anew from what was signed (`consent.services.renewal`)."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """The way to the rows; `seal` returns the live epoch's seal (`KeyTree.epoch_seal`)."""

    seal: Callable[[], EpochSeal]

    def on(self, unit: Unit) -> "OpenOutbox":
        """Return the outbox on one transaction."""
        return OpenOutbox(unit.outbox, self.seal())


@dataclass(frozen=True, slots=True)
class OpenOutbox:
    """What is acknowledged and not yet final on the ledger, on one transaction. Rows of another epoch are not seen."""

    rows: OutboxRows
    seal: EpochSeal

    def add(self, subject: SubjectId, items: Sequence[OutboxItem]) -> None:
        """Queue one person's items; one that is queued already stays as it is."""
        owner = self._owner(subject)
        self.rows.add([self._row(owner, item) for item in items])

    def due(self, errand: Errand, now: int, limit: int) -> list[OutboxItem]:
        """Return up to `limit` items of one kind that are due and in no transaction, by slot, then in no order.

        Raises `OutboxDamagedError`.
        """
        rows = self.rows.due(self.seal.number, errand, now, limit)
        items = list(self._opened(rows))
        if len(items) < len(rows):
            raise OutboxDamagedError("a row of the outbox was altered: it is to be made anew")
        return items

    def slots(self, subject: SubjectId) -> Sequence[int]:
        """Return the slots of all that waits for a person."""
        return self.rows.slots(self._owner(subject))

    def waiting(self, subject: SubjectId) -> int:
        """Return how many items wait for a person at most: what no key opens may be theirs."""
        return len(self.slots(subject)) + self.unreadable()

    def carry(self, errand: Errand, keys: Sequence[Key], nonce: int | None) -> int:
        """Note which transaction carries these items (None: none does any more); return how many of them wait."""
        return self.rows.carry(self._ids(errand, keys), nonce)

    def remove(self, errand: Errand, keys: Sequence[Key]) -> None:
        """Forget items, by address and commitment, that the ledger holds or that it will never take."""
        self.rows.remove(self._ids(errand, keys))

    def everything(self) -> list[OutboxItem]:
        """Return all items, in no order."""
        return list(self._opened(self.rows.everything()))

    def unreadable(self) -> int:
        """Return how many rows are of another epoch than the live one."""
        return self.rows.outside(self.seal.number)

    def forget_unreadable(self) -> None:
        """Delete the rows of other epochs, and those that somebody damaged."""
        self.rows.remove([row.id for row in self.rows.everything() if self._open(row) is None])

    def _opened(self, rows: Sequence[OutboxRow]) -> Iterator[OutboxItem]:
        return (item for item in map(self._open, rows) if item is not None)

    def _open(self, row: OutboxRow) -> OutboxItem | None:
        """Return the item that a row holds, None where it is of another epoch or was altered."""
        if row.epoch != self.seal.number:
            return None
        try:
            clear = self.seal.open(row.sealed, _place(row.id, row.owner, row.due))
            patient, commitment, expires, publish_by = _ITEM.unpack_from(clear)
        except (DecryptionError, StructError):
            return None
        item = OutboxItem(
            row.errand, Address(patient), commitment, expires, publish_by, clear[_ITEM.size :], row.due, row.nonce
        )
        return item if self._id(row.errand, (item.patient, item.commitment)) == row.id else None

    def _row(self, owner: bytes, item: OutboxItem) -> OutboxRow:
        name = self._id(item.errand, (item.patient, item.commitment))
        clear = _ITEM.pack(item.patient, item.commitment, item.expires, item.publish_by) + item.signature
        sealed = self.seal.seal(clear, _place(name, owner, item.due))
        return OutboxRow(name, owner, item.errand, item.due, item.nonce, self.seal.number, sealed)

    def _ids(self, errand: Errand, keys: Sequence[Key]) -> list[bytes]:
        return [self._id(errand, key) for key in keys]

    def _id(self, errand: Errand, key: Key) -> bytes:
        patient, commitment = key
        return self.seal.mac(b"item" + patient + commitment + errand.value.encode())

    def _owner(self, subject: SubjectId) -> bytes:
        return self.seal.mac(b"owner" + subject.encode())


def require_renewal(unit: Unit, now: int) -> None:
    """Leave a row that no key opens, so that the ledger's process makes the outbox anew, in whatever process this is.

    For whoever wrote an act that the outbox may not know of: the log took entries back, or a stop was done again. And
    for whoever knows that the chain has lost blocks which were final: what they held had left the outbox.
    """
    row = OutboxRow(secrets.token_bytes(32), bytes(32), Errand.STOP, now, None, _NO_EPOCH, b"")
    unit.outbox.add([row])


def _place(name: bytes, owner: bytes, due: int) -> bytes:
    """Return a row's context: with another id, owner or slot it does not open."""
    return name + owner + due.to_bytes(8)
