"""What is acknowledged and on its way to the chain."""

from collections.abc import Sequence
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
    """One signed act on its way to the ledger. It names no subject, and its place tells no order.

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


class Outbox(Protocol):
    """What is acknowledged and not yet final on the ledger."""

    def add(self, items: Sequence[OutboxItem]) -> None:
        """Queue items; one that is queued already stays as it is."""

    def due(self, errand: Errand, now: int, limit: int) -> Sequence[OutboxItem]:
        """Return up to `limit` items of one kind that are due and in no transaction, by slot, then by commitment."""

    def slots(self, addresses: Sequence[Address]) -> Sequence[int]:
        """Return the slots of all items that wait for these addresses."""

    def carry(self, errand: Errand, keys: Sequence[tuple[Address, bytes]], nonce: int | None) -> int:
        """Note which transaction carries these items (None: none does any more); return how many of them wait."""

    def release(self, errand: Errand, nonce: int) -> None:
        """Take the items of a transaction out of it: they are to be sent again, or are done."""

    def remove(self, errand: Errand, keys: Sequence[tuple[Address, bytes]]) -> None:
        """Forget items, by patient address and commitment, that the ledger holds or that it will never take."""

    def everything(self) -> Sequence[OutboxItem]:
        """Return all items, in the order of their commitments."""

    def size(self) -> int:
        """Return how many items wait."""


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
