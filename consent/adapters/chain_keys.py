"""The secrets of a chain's four roles, as the operator keeps them in one small file.

{"chain_id": 4137…, "operator": "<64 hex>", "relayer": "<64 hex>", "custodian": "<64 hex>", "anchor": "<64 hex>"}
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from coincurve import PrivateKey

from consent.domain.errors import LedgerError
from consent.domain.hashing import Json, keccak
from consent.domain.typed_data import Address
from consent.ports import Role

_KEY_BYTES: Final = 32
_ADDRESS_BYTES: Final = 20
_CHAIN_ID_BELOW: Final = 2**53
"""JSON numbers are exact below this."""


class InvalidChainKeysError(LedgerError):
    """These are not a chain's keys; restore the file that was written when the chain was made."""


@dataclass(frozen=True, slots=True)
class ChainKeys:
    """What one installation draws for its chain, so that no signature counts in another.

    Attributes:
        chain_id: of the chain; drawn at random, below 2^53, for an embedded one.
        operator: private key (32 bytes) that deploys, and owns the model registry.
        relayer: private key that publishes what patients signed; it can do nothing else.
        custodian: private key that can only stop consents.
        anchor: private key that anchors checkpoints of the log.
    """

    chain_id: int
    operator: bytes = field(repr=False)
    relayer: bytes = field(repr=False)
    custodian: bytes = field(repr=False)
    anchor: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.chain_id < _CHAIN_ID_BELOW:
            raise InvalidChainKeysError("a chain id lies between 1 and 2^53 - 1")
        keys = {self.of(role) for role in Role}
        if len(keys) != len(Role):
            raise InvalidChainKeysError("operator, relayer, custodian and anchor have a key each")
        for key in keys:
            address_of(key)

    @classmethod
    def draw(cls, chain_id: int | None = None) -> Self:
        """Return new random keys, and a random chain id where none is given."""
        keys = {role.value: PrivateKey().secret for role in Role}
        return cls(chain_id or 1 + secrets.randbelow(_CHAIN_ID_BELOW - 1), **keys)

    def of(self, role: Role) -> bytes:
        """Return the private key of a role."""
        key: bytes = getattr(self, role.value)
        return key

    def address(self, role: Role) -> Address:
        """Return the address of a role."""
        return address_of(self.of(role))

    def to_json(self) -> dict[str, Json]:
        """Return the keys as JSON values, for a file that only the operator can read."""
        return {"chain_id": self.chain_id, **{role.value: self.of(role).hex() for role in Role}}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read keys back; raise `InvalidChainKeysError` on anything but what `to_json` writes."""
        roles = {role.value for role in Role}
        if not isinstance(value, Mapping) or set(value) != {"chain_id"} | roles or type(value["chain_id"]) is not int:
            raise InvalidChainKeysError(
                "a chain's keys are an object of chain_id, operator, relayer, custodian, anchor"
            )
        return cls(value["chain_id"], **{role: _key(value[role]) for role in roles})


def address_of(key: bytes) -> Address:
    """Return the address of a private key; raise `InvalidChainKeysError` when it is none."""
    if len(key) != _KEY_BYTES:
        raise InvalidChainKeysError("a private key has 32 bytes")
    try:
        public = PrivateKey(key).public_key.format(compressed=False)
    except ValueError as error:
        raise InvalidChainKeysError("a private key lies below the order of secp256k1") from error
    return Address(keccak(public[1:])[-_ADDRESS_BYTES:])


def _key(text: Json) -> bytes:
    try:
        return bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError as error:
        raise InvalidChainKeysError("a private key is 64 hex digits") from error
