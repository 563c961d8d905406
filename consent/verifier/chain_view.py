"""What an auditor saw of the chain by means of their own: the end of its history, the anchored log, the models.

    {"version": 1, "chain_id": 4137, "registry": "<40 hex>", "model_registry": "<40 hex>", "log_anchor": "<40 hex>",
     "block": 812, "block_hash": "<64 hex>", "block_time": 1800000000, "history": "<64 hex>",
     "anchored": {"size": 41918, "root": "<64 hex>"},
     "models": [{"model": "<64 hex>", "manifest": "<64 hex>", "status": 1}, …],
     "code": {"registry": "<64 hex>", "models": "<64 hex>", "anchor": "<64 hex>"}}

All of it is as of one final block. `models` lists what the model registry knows, in order of the model's hash; a status
is 1 active, 2 suspended, 3 retired. `code` is the Keccak-256 of what runs at the three addresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES, Json, canonical_json
from consent.domain.typed_data import Address
from consent.ports import Anchored, Head, ModelStatus
from consent.verifier.fields import LARGEST_WHOLE, Fields, parsed_json, read_file

ADDRESS_BYTES: Final = 20
CONTRACTS: Final = ("registry", "models", "anchor")
"""As a policy and `code` call the three contracts."""
_FIELDS: Final = {
    "version", "chain_id", "registry", "model_registry", "log_anchor", "block", "block_hash", "block_time", "history",
    "anchored", "models", "code",
}  # fmt: skip


class ChainViewError(ConsentError):
    """This is no view of a chain; make it again with `consentry chain-view`, on a machine that you trust."""


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """What the model registry says of one model hash: the manifest's SHA-256, 32 bytes, and the status."""

    manifest: bytes
    status: ModelStatus


UNREGISTERED: Final = RegisteredModel(bytes(HASH_BYTES), ModelStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class ChainView:
    """The chain as of one final block.

    Attributes:
        chain_id: of the chain.
        registry: address of the consent registry.
        models_at: address of the model registry.
        anchor: address of the log's anchor.
        block: up to which final block it goes.
        history: what all of the registry's events up to that block fold to, 32 bytes.
        anchored: the newest checkpoint on the chain.
        models: what the model registry knows, by model hash; ask `model` for one.
        code: the Keccak-256 of what runs at the three addresses, by the names of `CONTRACTS`.
    """

    chain_id: int
    registry: Address
    models_at: Address
    anchor: Address
    block: Head
    history: bytes
    anchored: Anchored
    models: Mapping[bytes, RegisteredModel]
    code: Mapping[str, bytes]

    def model(self, model: bytes) -> RegisteredModel:
        """Return what the model registry says of a model hash."""
        return self.models.get(model, UNREGISTERED)

    def to_json(self) -> dict[str, Json]:
        """Return the view as JSON values."""
        return {
            "version": 1,
            "chain_id": self.chain_id,
            "registry": self.registry.hex(),
            "model_registry": self.models_at.hex(),
            "log_anchor": self.anchor.hex(),
            "block": self.block.number,
            "block_hash": self.block.hash.hex(),
            "block_time": self.block.time,
            "history": self.history.hex(),
            "anchored": {"size": self.anchored.size, "root": self.anchored.root.hex()},
            "models": [_model_json(model, self.models[model]) for model in sorted(self.models)],
            "code": {name: self.code[name].hex() for name in CONTRACTS},
        }

    def to_bytes(self) -> bytes:
        """Return the canonical JSON, with a line feed behind it."""
        return canonical_json(self.to_json()) + b"\n"

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a view back; raise `ChainViewError` on anything but what `to_json` writes."""
        fields = Fields.of(value, "a chain view", ChainViewError, _FIELDS)
        fields.whole("version", 1, 1)
        anchored = fields.table("anchored", {"size", "root"})
        code = fields.table("code", set(CONTRACTS))
        return cls(
            chain_id=fields.whole("chain_id", most=LARGEST_WHOLE),
            registry=Address(fields.hex("registry", ADDRESS_BYTES)),
            models_at=Address(fields.hex("model_registry", ADDRESS_BYTES)),
            anchor=Address(fields.hex("log_anchor", ADDRESS_BYTES)),
            block=Head(
                fields.whole("block", most=LARGEST_WHOLE),
                fields.hex("block_hash", HASH_BYTES),
                fields.whole("block_time", most=LARGEST_WHOLE),
            ),
            history=fields.hex("history", HASH_BYTES),
            anchored=Anchored(anchored.whole("size", most=LARGEST_WHOLE), anchored.hex("root", HASH_BYTES)),
            models=_models(fields),
            code={name: code.hex(name, HASH_BYTES) for name in CONTRACTS},
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a view's file; raise `ChainViewError` where it is none."""
        content = read_file(path, "the chain view", ChainViewError)
        return cls.from_json(parsed_json(content, "the chain view", ChainViewError))


def _model_json(model: bytes, registered: RegisteredModel) -> dict[str, Json]:
    return {"model": model.hex(), "manifest": registered.manifest.hex(), "status": registered.status.value}


def _models(fields: Fields) -> dict[bytes, RegisteredModel]:
    listed = fields.tables("models", {"model", "manifest", "status"})
    hashes = [each.hex("model", HASH_BYTES) for each in listed]
    if any(first >= second for first, second in pairwise(hashes)):
        raise ChainViewError("models stand in order of their hashes, each once")
    highest = max(ModelStatus)
    registered = (
        RegisteredModel(each.hex("manifest", HASH_BYTES), ModelStatus(each.whole("status", 1, highest)))
        for each in listed
    )
    return dict(zip(hashes, registered, strict=True))
