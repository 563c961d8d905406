"""Our copy of the ledger as every process but the ledger's own reads it: rows of the database, and how true they are.

The ledger's process writes the rows (`consent.services.following`). Whoever can write to the database without the
installation's keys cannot put a row in, take one out or bring an old one back unseen: each row has a MAC, their sum
stands in the head, and the head has a MAC of its own (a keyed multiset hash: Clarke et al., MSet-Add-Hash, 2003).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from struct import Struct
from typing import Final

from consent.domain.decision import LedgerReading
from consent.domain.hashing import HASH_BYTES
from consent.domain.registry_replay import Key
from consent.domain.typed_data import Address, word
from consent.ports import ModelStatus, ProjectedGrant, ProjectedModel, ProjectionHead, Unit

_MODULUS: Final = 2 ** (8 * HASH_BYTES)
_NEVER: Final = 2**64 - 1
"""Stands for a block or a time that is not there."""
_FOUR: Final = Struct(">4Q")
LAST_SECOND: Final = 253_402_300_799
"""The last that a datetime can hold; a ledger whose clock is beyond it has outlived every consent."""


Standing = tuple[int | None, bool]
"""What the ledger says of a grant: until when it holds (None while it is not final), and whether it was revoked."""
Standings = Callable[[Address, bytes], Standing]
"""What the ledger says of a commitment (32 bytes) of an address."""
UNKNOWN: Final = (None, False)


@dataclass(frozen=True, slots=True)
class ProjectionSeal:
    """MACs over rows and heads, HMAC-SHA256 under a 32-byte key of the installation."""

    key: bytes = field(repr=False)

    def of_grant(self, row: ProjectedGrant) -> int:
        """Return a row's MAC as a number to be summed."""
        numbers = (row.expires, row.granted_block, row.revoked_block, row.dropped_block)
        words = _FOUR.pack(*[_NEVER if number is None else number for number in numbers])
        return self._mac(b"grant", row.patient + row.commitment + words)

    def of_model(self, row: ProjectedModel) -> int:
        """Return a model's MAC as a number to be summed."""
        return self._mac(b"model", row.model + word(int(row.status)) + row.manifest)

    def sealed(self, head: ProjectionHead, rows: int) -> ProjectionHead:
        """Return a head with the sum of its rows' MACs and its own seal."""
        whole = replace(head, rows=(rows % _MODULUS).to_bytes(HASH_BYTES))
        return replace(whole, seal=self._of_head(whole))

    def holds(self, head: ProjectionHead, rows: int) -> bool:
        """Say whether a head is as it was sealed, and these are its rows."""
        sealed = hmac.compare_digest(head.seal, self._of_head(head))
        return sealed and head.rows == (rows % _MODULUS).to_bytes(HASH_BYTES)

    def _of_head(self, head: ProjectionHead) -> bytes:
        numbers = (head.block.number, head.block.time, head.final.number, head.final.time, head.read_at)
        words = b"".join(map(word, (*numbers, head.generation, int(head.matches))))
        message = words + head.block.hash + head.final.hash + head.history + head.rows
        return hmac.digest(self.key, b"head" + message, "sha256")

    def _mac(self, kind: bytes, message: bytes) -> int:
        return int.from_bytes(hmac.digest(self.key, kind + message, "sha256"))


@dataclass(slots=True)
class LedgerProjection:
    """The ledger's state for the consents of this installation, as last read by the ledger's process."""

    seal: ProjectionSeal
    rows: dict[Key, ProjectedGrant] = field(default_factory=dict)
    models: dict[bytes, ProjectedModel] = field(default_factory=dict)
    head: ProjectionHead | None = None
    _generation: int = 0
    _sum: int = 0

    def refresh(self, unit: Unit) -> None:
        """Take up what the ledger's process stored since; call it at the beginning of a transaction."""
        head = unit.projection.head()
        if head is None or head.generation < self._generation:  # nothing yet, or an earlier state was restored
            self.rows, self.models, self._generation, self._sum = {}, {}, 0, 0
        if head is not None and head.generation > self._generation:
            self._take(unit, head.generation)
        true = head is not None and self.seal.holds(head, self._sum)
        self.head = head if head is None or true else replace(head, matches=False)

    def _take(self, unit: Unit, generation: int) -> None:
        for row in unit.projection.changed_since(self._generation):
            key = (row.patient, row.commitment)
            if key in self.rows:
                self._sum -= self.seal.of_grant(self.rows[key])
            self._sum += self.seal.of_grant(row)
            self.rows[key] = row
        self._sum -= sum(map(self.seal.of_model, self.models.values()))
        self.models = {model.model: model for model in unit.projection.models()}
        self._sum += sum(map(self.seal.of_model, self.models.values()))
        self._generation = generation

    def reading(self) -> LedgerReading:
        """Say how current and how true the copy is; before the first read it is neither."""
        if self.head is None:
            return LedgerReading(0, 0, matches=True)
        return LedgerReading(self.head.read_at, self.head.block.time, self.head.matches)

    def later(self, now: datetime) -> datetime:
        """Return the later of our clock and the ledger's: by both, a consent must be in force."""
        return max(now, datetime.fromtimestamp(min(self.reading().block_time, LAST_SECOND), UTC))

    def standings(self) -> Standings:
        """Return what the ledger says now: a grant counts when final, a revocation from any block seen."""
        rows, final = self.rows, self.head.final.number if self.head else -1

        def of(patient: Address, commitment: bytes) -> Standing:
            row = rows.get((patient, commitment))
            if row is None:
                return UNKNOWN
            granted = row.granted_block is not None and row.granted_block <= final
            revoked = row.revoked_block is not None or row.dropped_block is not None
            return row.expires if granted else None, revoked

        return of

    def as_of(self, block: int) -> Standings:
        """Return what the ledger said after a block of the past, for decisions as they would have been then."""
        rows = self.rows

        def of(patient: Address, commitment: bytes) -> Standing:
            row = rows.get((patient, commitment))
            if row is None or row.granted_block is None or row.granted_block > block:
                return None, row is not None and _by(row.revoked_block, block)
            return row.expires, _by(row.revoked_block, block)

        return of

    def model_status(self, model: bytes) -> ModelStatus:
        """Return the status of a model hash, UNKNOWN when it was never registered, or not finally."""
        found = self.models.get(model)
        return ModelStatus.UNKNOWN if found is None else found.status


def _by(happened: int | None, block: int) -> bool:
    return happened is not None and happened <= block
