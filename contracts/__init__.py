"""What the chain enforces: Vyper sources, and what they compile to.

    registry = contracts.load("consent_registry")
    registry.abi, registry.bytecode, registry.runtime

`artifacts/*.json` are committed, so that running needs no compiler; `contracts.build` writes them and says
whether they are fresh.
"""

import json
from dataclasses import dataclass
from importlib import resources
from typing import Final

NAMES: Final = ("consent_registry", "log_anchor", "model_registry")


class ArtifactError(Exception):
    """A compiled contract is missing or damaged; run `python -m contracts.build`."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract.

    Attributes:
        abi: its functions and events, in the JSON form of the Solidity ABI specification.
        bytecode: what creates it; append ABI-encoded constructor arguments.
        runtime: what then stands at its address, in front of its immutables.
        source_hash: 32 bytes, SHA-256 over source, compiler version and settings (`contracts.build`).
    """

    abi: list[dict[str, object]]
    bytecode: bytes
    source_hash: bytes
    runtime: bytes


def load(name: str) -> Artifact:
    """Return the compiled contract called `name`; `ArtifactError` when there is none that can be read."""
    if name not in NAMES:
        raise ArtifactError("there is no contract with this name: see contracts.NAMES")
    try:
        fields = json.loads(resources.files(__name__).joinpath("artifacts", f"{name}.json").read_bytes())
        codes = (bytes.fromhex(fields[key]) for key in ("bytecode", "source_hash", "runtime"))
        return Artifact(fields["abi"], *codes)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"artifacts/{name}.json cannot be read: run python -m contracts.build") from error
