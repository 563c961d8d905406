"""Policies of tests as files: TOML with some members changed, and the chain view beside it."""

import json
from pathlib import Path
from typing import Any, Final

from consent.domain.typed_data import Address
from consent.ports import Anchored, Head, ModelStatus
from consent.verifier.chain_view import CONTRACTS, ChainView, RegisteredModel

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "certificate.json").read_text())
CODE: Final = {name: bytes([number]) * 32 for number, name in enumerate(CONTRACTS)}
VIEW: Final = ChainView(
    chain_id=VECTORS["chain_id"],
    registry=Address(b"\x11" * 20),
    models_at=Address(b"\x22" * 20),
    anchor=Address(bytes.fromhex(VECTORS["contract"])),
    block=Head(812, b"\x33" * 32, 1_800_000_000),
    history=b"\x44" * 32,
    anchored=Anchored(41918, b"\x55" * 32),
    models={
        b"\x01" * 32: RegisteredModel(b"\x06" * 32, ModelStatus.RETIRED),
        b"\x02" * 32: RegisteredModel(b"\x07" * 32, ModelStatus.ACTIVE),
    },
    code=CODE,
)
LOG: Final = f'[log]\norigin = "consentry.example/log"\nkeys = ["{"ab" * 32}"]\n'
ADDRESSES: Final = (
    f'id = {VIEW.chain_id}\nregistry = "0x{VIEW.registry.hex()}"\nmodels = "0x{VIEW.models_at.hex()}"\n'
    f'anchor = "0x{VIEW.anchor.hex()}"\n'
)
CHAIN: Final = f'[chain]\n{ADDRESSES}view = "view.json"\n'


def signer_lines(fields: dict[str, Any]) -> str:
    """Return one signer of the vectors as TOML."""
    revoked = "true" if fields["revoked"] else "false"
    return (
        f'[[signers.signer]]\nname = "{fields["name"]}"\ngroup = "{fields["group"]}"\n'
        f'key = "{fields["public_key"]}"\nproof = "{fields["proof"]}"\nrevoked = {revoked}\n'
    )


def signers(*fields: dict[str, Any], groups: str = "{hospitals = 1, patients = 1}") -> str:
    """Return the part of a policy about these signers."""
    head = f"[signers]\nversion = {VECTORS['version']}\ngroups = {groups}\n"
    return head + "".join(signer_lines(each) for each in fields)


def written(folder: Path, *parts: str, version: str = "version = 1\n") -> Path:
    """Write a policy of these parts, and the chain view that `CHAIN` names."""
    (folder / "view.json").write_bytes(VIEW.to_bytes())
    policy = folder / "auditor.toml"
    policy.write_text(version + "".join(parts))
    return policy
