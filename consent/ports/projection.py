"""Our copy of what the registries say."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from consent.domain.typed_data import Address
from consent.ports.ledger import Head, ModelStatus


@dataclass(frozen=True, slots=True)
class ProjectedGrant:
    """What the ledger says of one commitment of one address; block numbers, None for what has not happened.

    Attributes:
        patient: the address.
        commitment: 32 bytes.
        expires: Unix seconds, as first granted.
        granted_block: of the first grant on the chain as it is now.
        revoked_block: of the revocation on the chain as it is now.
        dropped_block: of a revocation in a block that was seen and then replaced: it counts until that number is
            final without it.
    """

    patient: Address
    commitment: bytes
    expires: int | None = None
    granted_block: int | None = None
    revoked_block: int | None = None
    dropped_block: int | None = None


@dataclass(frozen=True, slots=True)
class ProjectedModel:
    """What the ledger says of a model hash: ACTIVE once that is final, SUSPENDED and RETIRED from any block seen."""

    model: bytes
    status: ModelStatus
    manifest: bytes


@dataclass(frozen=True, slots=True)
class KeptBlock:
    """A block whose hash is kept, to find where a reorganisation began, and the history hash after it."""

    block: Head
    history: bytes


@dataclass(frozen=True, slots=True)
class ProjectionHead:
    """How far our copy of the ledger goes.

    Attributes:
        block: the newest block that was read.
        final: the newest final one.
        history: the hash recomputed up to `block`, 32 bytes.
        matches: whether that is the contract's own, on the chain that was read before.
        read_at: Unix seconds of the reading.
        generation: counts the readings that changed a row.
        rows: the sum of all rows' MACs (`consent.services.projection`), 32 bytes.
        seal: the MAC of all the above, 32 bytes.
    """

    block: Head
    final: Head
    history: bytes
    matches: bool
    read_at: int
    generation: int = 0
    rows: bytes = bytes(32)
    seal: bytes = b""


class Projection(Protocol):
    """Our copy of the registries' state. The ledger's process writes it, every other reads it."""

    def head(self) -> ProjectionHead | None:
        """Return how far the copy goes, None before the first read."""

    def kept(self) -> Sequence[KeptBlock]:
        """Return the blocks whose hashes are kept, oldest first."""

    def save(self, head: ProjectionHead, changed: Iterable[ProjectedGrant], models: Iterable[ProjectedModel]) -> None:
        """Store a reading: its head, and the rows that changed in it, which get the head's generation."""

    def keep(self, blocks: Sequence[KeptBlock]) -> None:
        """Keep these blocks' hashes and no others."""

    def changed_since(self, generation: int) -> Iterator[ProjectedGrant]:
        """Yield the rows of later generations; of 0, all rows."""

    def models(self) -> Sequence[ProjectedModel]:
        """Return every model hash that the ledger knows."""
