"""The chain, as far as consent needs it. One suite of tests is said about every adapter (`tests/adapters`).

Writing has two halves, so that a process may die between any two lines and nothing is sent twice:

    transaction = ledger.prepare(Grants(batch), nonce)     signed; keep it before anything else
    ledger.submit(transaction)                             as often as you like
    ledger.outcome(transaction)                            WAITING, MINED, FAILED or REPLACED

Of all transactions with one role and nonce a chain takes one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final, Protocol

from consent.domain.grant import PublishedGrant, SignedRevocation
from consent.domain.history import Event
from consent.domain.typed_data import Address, SigningDomain


@dataclass(frozen=True, slots=True)
class Head:
    """One block: its number, 32-byte hash and Unix time in seconds."""

    number: int
    hash: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block: its 32-byte hash, the block's number and the gas it took."""

    transaction: bytes
    block: int
    gas_used: int


class ModelStatus(IntEnum):
    """What the model registry says of a model hash."""

    UNKNOWN = 0
    ACTIVE = 1
    SUSPENDED = 2
    RETIRED = 3


@dataclass(frozen=True, slots=True)
class ModelChange:
    """The model registry announced a model's status; `manifest` (32 bytes) where it was registered, else empty."""

    model: bytes
    status: ModelStatus
    manifest: bytes
    block: int


@dataclass(frozen=True, slots=True)
class Anchored:
    """The last checkpoint that the chain holds: how many entries, and their root, 32 bytes; size 0 before the first."""

    size: int
    root: bytes


class Role(StrEnum):
    """Whose key signs a transaction. Each has a key of its own; losing one is in the runbook."""

    OPERATOR = "operator"
    RELAYER = "relayer"
    CUSTODIAN = "custodian"
    ANCHOR = "anchor"


@dataclass(frozen=True, slots=True)
class Grants:
    """Publish 1 to 256 signed grants."""

    items: Sequence[PublishedGrant]


@dataclass(frozen=True, slots=True)
class Revocations:
    """Publish 1 to 256 signed revocations; what is already revoked is skipped."""

    items: Sequence[SignedRevocation]


@dataclass(frozen=True, slots=True)
class Stops:
    """As custodian, revoke 1 to 256 pairs of patient address and commitment."""

    items: Sequence[tuple[Address, bytes]]


@dataclass(frozen=True, slots=True)
class Registration:
    """Register a model's SHA-256 with that of its manifest, as ACTIVE."""

    model: bytes
    manifest: bytes


@dataclass(frozen=True, slots=True)
class StatusChange:
    """Change a registered model's status; RETIRED is final."""

    model: bytes
    status: ModelStatus


@dataclass(frozen=True, slots=True)
class Anchoring:
    """Anchor a checkpoint: its size, its root, and the RFC 6962 consistency proof from the one anchored before."""

    size: int
    root: bytes
    proof: Sequence[bytes]


Act = Grants | Revocations | Stops | Registration | StatusChange | Anchoring

ROLES: Final[dict[type[Act], Role]] = {
    Grants: Role.RELAYER,
    Revocations: Role.RELAYER,
    Stops: Role.CUSTODIAN,
    Registration: Role.OPERATOR,
    StatusChange: Role.OPERATOR,
    Anchoring: Role.ANCHOR,
}


@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed transaction: who sends it, its place among theirs, its 32-byte hash and its bytes."""

    role: Role
    nonce: int
    hash: bytes
    raw: bytes = field(repr=False)


class Fate(StrEnum):
    """What became of a transaction, as far as the newest block knows."""

    WAITING = "waiting"
    """In no block yet."""
    MINED = "mined"
    """In a block, and done."""
    FAILED = "failed"
    """In a block, and refused by the contract."""
    REPLACED = "replaced"
    """Another transaction of the same sender took its nonce in a final block: this one can never be mined."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A transaction's fate, and where it is if it is in a block, done or refused."""

    fate: Fate
    mined: Mined | None = None


class Ledger(Protocol):
    """The chain, as far as consent needs it.

    Errors: `LedgerRejectedError` when a contract refuses, `LedgerUnavailableError` when trying again may help.
    Blocks up to `head` can be asked for; what lies above `final` may still be replaced by other blocks.
    """

    @property
    def domain(self) -> SigningDomain:
        """The EIP-712 domain that signatures for this registry carry."""

    def head(self) -> Head:
        """Return the newest block."""

    def final(self) -> Head:
        """Return the newest block that nothing replaces any more."""

    def block(self, number: int) -> Head:
        """Return the block with this number, as the chain is now."""

    def events(self, first: int, last: int) -> Sequence[Event]:
        """Return the registry's events of blocks `first` to `last`, both included, in log order."""

    def model_changes(self, first: int, last: int) -> Sequence[ModelChange]:
        """Return what the model registry announced in blocks `first` to `last`, both included, in log order."""

    def history(self, block: int) -> bytes:
        """Return the registry's history hash as it stood after `block`, 32 bytes."""

    def next_nonce(self, role: Role) -> int:
        """Return the nonce that a role's next transaction has, from what is mined."""

    def prepare(self, act: Act, nonce: int) -> Transaction:
        """Return the signed transaction of one act, not sent; a node says beforehand what a contract would refuse."""

    def submit(self, transaction: Transaction) -> None:
        """Send a transaction; one that the chain has already is left as it is.

        An embedded chain mines it before this returns, or refuses it and leaves no block.
        """

    def outcome(self, transaction: Transaction) -> Outcome:
        """Say what became of a transaction."""

    def raised(self, transaction: Transaction) -> Transaction:
        """Return the same transaction, same nonce, with a fee that chains take in its place (an eighth more)."""

    def send(self, act: Act) -> Mined:
        """Prepare, submit and wait until it is mined: for tests and tools, whose death may cost an act."""

    def model_status(self, model: bytes) -> ModelStatus:
        """Return the status of a model hash, UNKNOWN when it was never registered."""

    def registered_manifest(self, model: bytes) -> bytes:
        """Return the manifest hash registered with a model hash, 32 zero bytes when it was never registered."""

    def anchored(self) -> Anchored:
        """Return the newest anchored checkpoint, as of the newest final block."""

    def beat(self) -> Head:
        """Show that an idle chain lives: an embedded one adds an empty block, a node does nothing; returns the head."""
