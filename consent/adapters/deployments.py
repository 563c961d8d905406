"""`deployment.json`: where the contracts stand on a node's chain. Checked at every start of the ledger's process.

{"version": 1, "chain_id": 1337, "block": 4,
 "contracts": {"consent_registry": {"address": "0x<40 hex>", "code_hash": "0x<64 hex>"},
               "model_registry": {...}, "log_anchor": {...}}}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consent.domain.errors import LedgerMismatchError
from consent.domain.hashing import Json
from consent.domain.typed_data import Address
from consent.ports import Role

HOLDERS: Final = {
    "consent_registry": Role.CUSTODIAN,
    "model_registry": Role.OPERATOR,
    "log_anchor": Role.ANCHOR,
}
"""The contracts in the order in which they are deployed, and whose address each is made for."""
CONTRACTS: Final = tuple(HOLDERS)
_LENGTHS: Final = {"address": 20, "code_hash": 32}


@dataclass(frozen=True, slots=True)
class Deployed:
    """One contract: its address, and the Keccak-256 of the code that runs there."""

    address: Address
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class Deployment:
    """What stands on this chain.

    Attributes:
        chain_id: of the chain, part of every signature.
        block: the number of the block in which the registry came; no event is older.
        registry: the consent registry.
        models: the model registry.
        anchor: the log's anchor.
    """

    chain_id: int
    block: int
    registry: Deployed
    models: Deployed
    anchor: Deployed

    def of(self, contract: str) -> Deployed:
        """Return where one of `CONTRACTS` stands."""
        return dict(zip(CONTRACTS, (self.registry, self.models, self.anchor), strict=True))[contract]


def deployment_to_json(deployment: Deployment) -> dict[str, Json]:
    """Return a deployment as JSON values."""
    contracts: dict[str, Json] = {
        name: {
            "address": "0x" + deployment.of(name).address.hex(),
            "code_hash": "0x" + deployment.of(name).code_hash.hex(),
        }
        for name in CONTRACTS
    }
    return {"version": 1, "chain_id": deployment.chain_id, "block": deployment.block, "contracts": contracts}


def deployment_from_json(value: Json) -> Deployment:
    """Read a deployment back; raise `LedgerMismatchError` on anything but what `deployment_to_json` writes."""
    if not isinstance(value, Mapping) or set(value) != {"version", "chain_id", "block", "contracts"}:
        raise LedgerMismatchError("a deployment is an object of version, chain_id, block and contracts")
    contracts = value["contracts"]
    if value["version"] != 1 or not isinstance(contracts, Mapping) or set(contracts) != set(CONTRACTS):
        raise LedgerMismatchError("a deployment of version 1 names exactly the three contracts")
    chain_id, block = (_whole(value[name]) for name in ("chain_id", "block"))
    registry, models, anchor = (_deployed(contracts[name]) for name in CONTRACTS)
    return Deployment(chain_id, block, registry, models, anchor)


def _whole(number: Json) -> int:
    if type(number) is not int or number < 0:
        raise LedgerMismatchError("a deployment's chain id and block are whole numbers")
    return number


def _deployed(value: Json) -> Deployed:
    if not isinstance(value, Mapping) or set(value) != set(_LENGTHS):
        raise LedgerMismatchError("a contract has an address and a code_hash")
    address, code_hash = (_bytes(value[name], length) for name, length in _LENGTHS.items())
    return Deployed(Address(address), code_hash)


def _bytes(text: Json, length: int) -> bytes:
    try:
        content = bytes.fromhex(text.removeprefix("0x")) if isinstance(text, str) else b""
    except ValueError:
        content = b""
    if len(content) != length:
        raise LedgerMismatchError(f"an address or hash in a deployment is {length} bytes in hex")
    return content
