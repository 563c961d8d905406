"""The manifest: what one release of a model answers for.

Every training row is named by a leaf, SHA-256 Merkle (RFC 6962) over the leaves sorted by their hash:

    leaf = leaf_hash(salt (32) || row (32) || patient address (20) || commitment (32))

The salt is random, so that a leaf says nothing until its opening is shown; openings are sealed under each person's key.
The row enters as the HMAC-SHA256 of its hash under a key of the person's own, so that evidence joins no clinical row to
an address.
`Manifest.hash()` is the SHA-256 of the RFC 8785 JSON and stands on chain beside the model's. The same bytes are signed
by the log key in an envelope (`dsse.py`). Version 1 named neither cohort nor evaluation, and had no envelope.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES, Json, canonical_json, sha256
from consent.domain.merkle import leaf_hash, tree_root
from consent.domain.typed_data import Address

ADDRESS_BYTES: Final = 20
OPENING_BYTES: Final = 3 * HASH_BYTES + ADDRESS_BYTES
_WHOLE_BELOW: Final = 2**53
"""JSON's whole numbers are exact below this (RFC 8785)."""
_HASHES: Final = ("block_hash", "rows_root", "dictionary", "model", "cohort", "evaluation", "gate")
_HEX_DIGITS: Final = {"registry": 40} | dict.fromkeys(_HASHES, 64)
_NEW_IN_2: Final = {"cohort", "evaluation", "gate"}


class InvalidManifestError(ConsentError):
    """The manifest or an opening is malformed; get it again from the installation."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What one leaf stands for: 32, 32, 20 and 32 bytes."""

    salt: bytes
    row: bytes
    patient: Address
    commitment: bytes

    def to_bytes(self) -> bytes:
        """Return the 116 bytes under the leaf."""
        return self.salt + self.row + self.patient + self.commitment

    @classmethod
    def from_bytes(cls, value: bytes) -> "Opening":
        """Read 116 bytes back; raise `InvalidManifestError` on any other number."""
        if len(value) != OPENING_BYTES:
            raise InvalidManifestError("an opening has 116 bytes")
        salt, row, patient, commitment = value[:32], value[32:64], value[64:84], value[84:]
        return cls(salt, row, Address(patient), commitment)

    def leaf(self) -> bytes:
        """Return the leaf hash, 32 bytes."""
        return leaf_hash(self.to_bytes())


def rows_root(leaves: Sequence[bytes]) -> bytes:
    """Return the Merkle root over leaf hashes in sorted order: the order of rows says nothing."""
    return tree_root(sorted(leaves))


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where a model comes from; all hashes in hex.

    Attributes:
        study: the study's id.
        release: 1 for the first model of a study, then counting up.
        chain_id: of the ledger.
        registry: address of the consent registry.
        block: number of the pinned block; consents were judged as they stood after it.
        block_hash: of that block.
        block_time: Unix seconds of that block.
        rows: how many training rows.
        rows_root: Merkle root over their leaves.
        dictionary: SHA-256 of the dictionary's text.
        parameters: of the training, seed included.
        code: names and versions of the software that computed the model.
        model: SHA-256 of the model's bytes.
        cohort: SHA-256 of the cohort's canonical JSON; empty in version 1, as are the next two.
        evaluation: SHA-256 of the evaluation's canonical JSON.
        gate: SHA-256 of the release gate's figures in canonical JSON.
    """

    study: str
    release: int
    chain_id: int
    registry: str
    block: int
    block_hash: str
    block_time: int
    rows: int
    rows_root: str
    dictionary: str
    parameters: Mapping[str, Json]
    code: Mapping[str, str]
    model: str
    cohort: str = ""
    evaluation: str = ""
    gate: str = ""

    @property
    def version(self) -> int:
        """1 for a manifest that names neither cohort, evaluation nor gate, else 2."""
        return 2 if self.cohort or self.evaluation or self.gate else 1

    def to_json(self) -> dict[str, Json]:
        """Return the manifest as JSON values."""
        return {"version": self.version} | {name: getattr(self, name) for name in _fields(self.version)}

    def to_bytes(self) -> bytes:
        """Return the canonical JSON (RFC 8785)."""
        return canonical_json(self.to_json())

    def hash(self) -> bytes:
        """Return the SHA-256 of the canonical JSON, 32 bytes."""
        return sha256(self.to_bytes())

    @classmethod
    def from_json(cls, value: Json) -> "Manifest":
        """Read a manifest back; raise `InvalidManifestError` unless the fields are exactly those of its version."""
        version = value.get("version") if isinstance(value, Mapping) else None
        if type(version) is not int or version not in {1, 2}:
            raise InvalidManifestError("a manifest is an object of version 1 or 2: a newer consentry may read it")
        names = _fields(version)
        if not isinstance(value, Mapping) or set(value) != {"version", *names}:
            raise InvalidManifestError(f"a manifest of version {version} has exactly the published fields")
        for name in names:
            if not _is_sound(name, value[name]):
                raise InvalidManifestError(f"the manifest's field {name} is of the wrong kind")
        return cls(**{name: value[name] for name in names})  # type: ignore[arg-type]  # checked above


def _fields(version: int) -> list[str]:
    return [name for name in Manifest.__slots__ if version > 1 or name not in _NEW_IN_2]


def _is_sound(name: str, member: object) -> bool:
    if name in {"release", "chain_id", "block", "block_time", "rows"}:
        return type(member) is int and 0 <= member < _WHOLE_BELOW
    if name in {"parameters", "code"}:
        return isinstance(member, Mapping)
    if not isinstance(member, str):
        return False
    return name not in _HEX_DIGITS or (len(member) == _HEX_DIGITS[name] and not member.strip("0123456789abcdef"))
