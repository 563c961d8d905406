"""What is acknowledged and on its way to the chain.

A row of the database names nobody: `consent.services.outbox` seals an `OutboxItem` into an `OutboxRow` and opens it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from consent.domain.typed_data import Address
from consent.ports.ledger import ModelStatus, Role, Transaction


class Errand(StrEnum):
    """What the relayer is to do with an outbox item."""

    GRANT = "grant"
    REVOKE = "revoke"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One signed act on its way to the ledger, in clear: in memory only.

    Attributes:
        errand: what is to be done.
        patient: the address, 20 bytes.
        commitment: 32 bytes.
        expires: of a grant, Unix seconds.
        publish_by: of a grant, Unix seconds.
        signature: 64 bytes, of a grant or revocation.
        due: the slot in which it is published (`consent.domain.publication`); a batch has one slot, a person's items
            have one each.
        nonce: of the transaction that carries it, None while none does.
    """

    errand: Errand
    patient: Address
    commitment: bytes
    expires: int = 0
    publish_by: int = 0
    signature: bytes = b""
    due: int = 0
    nonce: int | None = None


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One item at rest. Whoever has no key of its epoch learns what is to be done and when, and not about whom.

    Attributes:
        id: 32-byte MAC of errand, address and commitment: which item this is, and the order of the rows.
        owner: 32-byte MAC of the subject, whose items have one slot each.
        errand: what is to be done.
        due: the slot.
        nonce: of the transaction that carries it, None while none does.
        epoch: the number of the epoch under whose key all this is; the row dies with it.
        sealed: the rest of the item.
    """

    id: bytes
    owner: bytes
    errand: Errand
    due: int
    nonce: int | None
    epoch: int
    sealed: bytes


class OutboxRows(Protocol):
    """What is acknowledged and not yet final on the ledger, at rest."""

    def add(self, rows: Sequence[OutboxRow]) -> None:
        """Store rows; one that is there already stays as it is."""

    def due(self, epoch: int, errand: Errand, now: int, limit: int) -> Sequence[OutboxRow]:
        """Return up to `limit` rows of one kind that are due and in no transaction, by slot, then by id."""

    def slots(self, owner: bytes) -> Sequence[int]:
        """Return the slots of all rows of one owner."""

    def carry(self, ids: Sequence[bytes], nonce: int | None) -> int:
        """Note which transaction carries these rows (None: none does any more); return how many of them there are."""

    def release(self, errand: Errand, nonce: int) -> None:
        """Take the rows of a transaction out of it: they are to be sent again, or are done."""

    def remove(self, ids: Sequence[bytes]) -> None:
        """Delete rows."""

    def everything(self) -> Sequence[OutboxRow]:
        """Return all rows, by id."""

    def outside(self, epoch: int) -> int:
        """Return how many rows are of another epoch than this one."""

    def waiting(self) -> Mapping[Errand, int]:
        """Return how many rows there are of each kind, 0 too."""

    def size(self) -> int:
        """Return how many rows there are."""


@dataclass(frozen=True, slots=True)
class ModelAct:
    """A model's next status on its way to the ledger; `manifest` where it is to be registered, else empty."""

    place: int
    model: bytes
    status: ModelStatus
    manifest: bytes = b""
    nonce: int | None = None


class ModelActs(Protocol):
    """What the model registry is to be told, in order; nothing here is about a person."""

    def add(self, model: bytes, status: ModelStatus, manifest: bytes = b"") -> None:
        """Queue an act behind all others."""

    def everything(self) -> Sequence[ModelAct]:
        """Return all acts, oldest first."""

    def carry(self, place: int, nonce: int | None) -> None:
        """Note which transaction carries an act; None when none does any more."""

    def remove(self, place: int) -> None:
        """Forget an act that is done, or never will be."""


@dataclass(frozen=True, slots=True)
class SentTransaction:
    """A transaction that was kept before it was sent, with the Unix second of that."""

    transaction: Transaction
    sent_at: int


class Transactions(Protocol):
    """What was sent and is not final yet: kept first, so that a crash at any moment sends nothing twice."""

    def add(self, transaction: Transaction, now: int) -> None:
        """Keep a transaction that is about to be sent; several with one nonce differ in their fee."""

    def pending(self, role: Role) -> Sequence[SentTransaction]:
        """Return a role's transactions by nonce, then by time."""

    def settle(self, role: Role, nonce: int) -> None:
        """Forget the transactions with this nonce."""
