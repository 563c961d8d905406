"""The secrets of an embedded chain, as the operator keeps them in one small file.

{"chain_id": 4137…, "operator": "<64 hex>", "custodian": "<64 hex>"}
"""

import secrets
from dataclasses import dataclass, field
from typing import Final, Self

from coincurve import PrivateKey

from consent.domain.errors import LedgerError
from consent.domain.hashing import Json, keccak
from consent.domain.typed_data import Address

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
        chain_id: random, below 2^53.
        operator: private key (32 bytes) that deploys, relays and owns the model registry.
        custodian: private key (32 bytes) that can only stop consents.
    """

    chain_id: int
    operator: bytes = field(repr=False)
    custodian: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.chain_id < _CHAIN_ID_BELOW:
            raise InvalidChainKeysError("a chain id lies between 1 and 2^53 - 1")
        if self.operator == self.custodian:
            raise InvalidChainKeysError("operator and custodian have a key each")
        for key in (self.operator, self.custodian):
            address_of(key)

    @classmethod
    def draw(cls) -> Self:
        """Return new random keys and chain id."""
        operator, custodian = PrivateKey().secret, PrivateKey().secret
        return cls(1 + secrets.randbelow(_CHAIN_ID_BELOW - 1), operator, custodian)

    def to_json(self) -> dict[str, Json]:
        """Return the keys as JSON values, for a file that only the operator can read."""
        return {
            "chain_id": self.chain_id,
            "operator": self.operator.hex(),
            "custodian": self.custodian.hex(),
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read keys back; raise `InvalidChainKeysError` on anything but what `to_json` writes."""
        match value:
            case {
                "chain_id": int(chain_id),
                "operator": str(operator),
                "custodian": str(custodian),
                **rest,
            } if not rest and not isinstance(chain_id, bool):
                return cls(chain_id, _key(operator), _key(custodian))
        raise InvalidChainKeysError("a chain's keys are an object of chain_id, operator and custodian")


def address_of(key: bytes) -> Address:
    """Return the address of a private key; raise `InvalidChainKeysError` when it is none."""
    if len(key) != _KEY_BYTES:
        raise InvalidChainKeysError("a private key has 32 bytes")
    try:
        public = PrivateKey(key).public_key.format(compressed=False)
    except ValueError as error:
        raise InvalidChainKeysError("a private key lies below the order of secp256k1") from error
    return Address(keccak(public[1:])[-_ADDRESS_BYTES:])


def _key(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise InvalidChainKeysError("a private key is 64 hex digits") from error
