"""What the services ask of the world. Each protocol has one suite of tests that every adapter passes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Protocol

from consent.domain.entry import PlacedEntry
from consent.domain.grant import PublishedGrant, SignedRevocation
from consent.domain.history import Event
from consent.domain.study import Study
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address, SigningDomain


@dataclass(frozen=True, slots=True)
class Head:
    """One block: its number, 32-byte hash and Unix time in seconds."""

    number: int
    hash: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction that succeeded: its 32-byte hash, the block it is in and the gas it took."""

    transaction: bytes
    block: int
    gas_used: int


class ModelStatus(IntEnum):
    """What the model registry says of a model hash."""

    UNKNOWN = 0
    ACTIVE = 1
    SUSPENDED = 2
    RETIRED = 3


class Ledger(Protocol):
    """The chain, as far as consent needs it.

    Errors: `LedgerRejectedError` when a contract reverts, `LedgerUnavailableError` when trying again may help.
    Writing sends one transaction and returns when its block is kept.
    """

    @property
    def domain(self) -> SigningDomain:
        """The EIP-712 domain that signatures for this registry carry."""

    def head(self) -> Head:
        """Return the newest final block."""

    def block(self, number: int) -> Head:
        """Return the final block with this number."""

    def events(self, first: int, last: int) -> Sequence[Event]:
        """Return the registry's events of blocks `first` to `last`, both included, in log order."""

    def history(self, block: int) -> bytes:
        """Return the registry's history hash as it stood after `block`, 32 bytes."""

    def grant(self, grants: Sequence[PublishedGrant]) -> Mined:
        """Publish 1 to 256 signed grants."""

    def revoke_signed(self, revocations: Sequence[SignedRevocation]) -> Mined:
        """Publish 1 to 256 signed revocations; what is already revoked is skipped."""

    def stop(self, pairs: Sequence[tuple[Address, bytes]]) -> Mined:
        """As custodian, revoke 1 to 256 pairs of patient address and commitment."""

    def register_model(self, model: bytes, manifest: bytes) -> Mined:
        """Register a model's SHA-256 with that of its manifest, as ACTIVE."""

    def set_model_status(self, model: bytes, status: ModelStatus) -> Mined:
        """Change a registered model's status; RETIRED is final."""

    def model_status(self, model: bytes) -> ModelStatus:
        """Return the status of a model hash, UNKNOWN when it was never registered."""

    def beat(self) -> Head:
        """Show that an idle chain lives: an embedded one adds an empty block, a node does nothing; returns the head."""

    def registered_manifest(self, model: bytes) -> bytes:
        """Return the manifest hash registered with a model hash, 32 zero bytes when it was never registered."""


class Signer(Protocol):
    """The log key: Ed25519 (RFC 8032)."""

    @property
    def public_key(self) -> bytes:
        """The 32-byte public key."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message`."""


class Recovery(Protocol):
    """Recovers who signed a 32-byte digest with an EIP-2098 compact secp256k1 signature."""

    def __call__(self, digest: bytes, signature: bytes) -> Address | None:
        """Return the signer's address, or None when no key gives this signature or its s is high (EIP-2)."""


@dataclass(frozen=True, slots=True)
class Patient:
    """One enrolled person: random id, keyed HMAC of the outside identifier, address of the enrolment key."""

    subject: SubjectId
    identifier_mac: bytes
    enrolment: Address | None
    blocked: bool = False


class Patients(Protocol):
    """Who is enrolled."""

    def add(self, patients: Sequence[Patient]) -> None:
        """Store new patients."""

    def everyone(self) -> Sequence[Patient]:
        """Return all patients in the order of their SubjectId, which says nothing about anyone."""

    def by_identifier(self, macs: Sequence[bytes]) -> Mapping[bytes, Patient]:
        """Return those already enrolled among these keyed HMACs."""

    def set_enrolment(self, keys: Mapping[SubjectId, Address]) -> None:
        """Store the addresses of patients' enrolment keys."""

    def block(self, subject: SubjectId) -> None:
        """Mark that a subject asked to be erased."""


class AuditLog(Protocol):
    """The entries, in one total order."""

    def size(self) -> int:
        """Return how many entries there are; the next one gets this index."""

    def append(self, entries: Sequence[PlacedEntry]) -> None:
        """Store entries at their indices; the first must be the log's size."""

    def entries(self, first: int = 0, last: int | None = None) -> Iterator[PlacedEntry]:
        """Yield entries `first` up to but not including `last`, in order."""

    def leaves(self) -> Sequence[bytes]:
        """Return all leaf hashes in order, 32 bytes each."""

    def save_checkpoint(self, size: int, note: str) -> None:
        """Store a signed checkpoint of the first `size` entries."""

    def latest_checkpoint(self) -> str | None:
        """Return the newest signed checkpoint."""


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """One consent at rest; `sealed` opens with its subject's key only."""

    id: str
    subject: SubjectId
    sealed: bytes
    stopped: bool = False


class Consents(Protocol):
    """Signed consents, sealed."""

    def add(self, consents: Sequence[StoredConsent]) -> None:
        """Store new consents."""

    def everything(self) -> Iterator[StoredConsent]:
        """Yield every consent, in the order of random ids."""

    def stop(self, ids: Sequence[str]) -> None:
        """Mark consents as stopped, for ever."""

    def drop(self, subject: SubjectId) -> None:
        """Delete a subject's consents."""


class Errand(StrEnum):
    """What the relayer is to do with an outbox item."""

    GRANT = "grant"
    REVOKE = "revoke"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One signed act on its way to the ledger. It names no subject, and its place tells no order."""

    errand: Errand
    patient: Address
    commitment: bytes
    expires: int = 0
    publish_by: int = 0
    signature: bytes = b""


class Outbox(Protocol):
    """What is acknowledged and not yet on the ledger."""

    def add(self, items: Sequence[OutboxItem]) -> None:
        """Queue items; one that is queued already stays as it is."""

    def waiting(self, errand: Errand, limit: int) -> Sequence[OutboxItem]:
        """Return up to `limit` queued items of one kind, in the order of their commitments."""

    def remove(self, errand: Errand, keys: Sequence[tuple[Address, bytes]]) -> None:
        """Forget items, by patient address and commitment, that the ledger holds or that it will never take."""

    def size(self) -> int:
        """Return how many items wait."""


@dataclass(frozen=True, slots=True)
class ProjectedGrant:
    """What the ledger says of one commitment of one address; block numbers, None for what has not happened."""

    patient: Address
    commitment: bytes
    expires: int | None = None
    granted_block: int | None = None
    revoked_block: int | None = None


@dataclass(frozen=True, slots=True)
class ProjectionHead:
    """How far our copy of the ledger goes, and the history hash recomputed up to there."""

    block: Head
    history: bytes
    matches: bool
    read_at: int


class Projection(Protocol):
    """Our copy of the registry's state."""

    def head(self) -> ProjectionHead | None:
        """Return how far the copy goes, None before the first read."""

    def save(self, head: ProjectionHead, changed: Iterable[ProjectedGrant]) -> None:
        """Store changed rows and the new head."""

    def everything(self) -> Iterator[ProjectedGrant]:
        """Yield every row."""


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """One trained model at rest."""

    study: str
    release: int
    model_hash: bytes
    manifest: bytes
    model: bytes
    evaluation: bytes


@dataclass(frozen=True, slots=True)
class StoredOpening:
    """What one leaf of a manifest stands for, sealed under its subject's key."""

    leaf: bytes
    subject: SubjectId
    sealed: bytes


class Studies(Protocol):
    """Registered studies and their releases."""

    def add(self, study: Study) -> None:
        """Store an approved study."""

    def get(self, study: str) -> Study | None:
        """Return a study by its id."""

    def add_release(self, release: StoredRelease, openings: Sequence[StoredOpening]) -> None:
        """Store a model with its manifest and the sealed openings of its leaves."""

    def releases(self, study: str) -> Sequence[StoredRelease]:
        """Return a study's releases, oldest first."""

    def openings(self, study: str, release: int) -> Sequence[StoredOpening]:
        """Return a release's sealed openings in the order of their leaves."""


class Unit(Protocol):
    """One transaction on the records database: all of it is kept, or none."""

    @property
    def connection(self) -> Any:  # noqa: ANN401  # what the vault takes; naming its type would import SQLAlchemy here
        """The database connection of this transaction, for the vault."""

    @property
    def patients(self) -> Patients:
        """Who is enrolled."""

    @property
    def log(self) -> AuditLog:
        """The log."""

    @property
    def consents(self) -> Consents:
        """The signed consents."""

    @property
    def outbox(self) -> Outbox:
        """What waits for the ledger."""

    @property
    def projection(self) -> Projection:
        """Our copy of the ledger."""

    @property
    def studies(self) -> Studies:
        """Studies and models."""


class Store(Protocol):
    """The records database."""

    def begin(self) -> AbstractContextManager[Unit]:
        """Open a transaction that writes: alone until it ends, committed at the end, rolled back by an exception."""

    def reading(self) -> AbstractContextManager[Unit]:
        """Open a transaction that only reads."""
