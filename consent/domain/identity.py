"""What anyone may know of an installation. An auditor keeps a copy of their own and has everything checked against it.

{"version": 1, "tenant": "<32 hex>", "origin": "consentry/<tenant>", "log_key": "<64 hex>", "chain_id": 4137…,
"registry": "<40 hex>"}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.typed_data import Address, SigningDomain


class InvalidIdentityError(ConsentError):
    """This is no installation's identity; take installation.json as the installation wrote it."""


_HEX: Final = {"tenant": 32, "log_key": 64, "registry": 40}


@dataclass(frozen=True, slots=True)
class Identity:
    """Which installation it is.

    Attributes:
        tenant: its random name, 32 hex digits; bound into every sealed record.
        log_key: the log's Ed25519 public key, 64 hex digits.
        chain_id: of the ledger.
        registry: address of the consent registry, 40 hex digits.
    """

    tenant: str
    log_key: str
    chain_id: int
    registry: str

    @property
    def origin(self) -> str:
        """The log's name in checkpoints and receipts."""
        return f"consentry/{self.tenant}"

    @property
    def domain(self) -> SigningDomain:
        """Where signatures of its patients count."""
        return SigningDomain(self.chain_id, Address(bytes.fromhex(self.registry)))

    @property
    def public_key(self) -> bytes:
        """The log's public key, 32 bytes."""
        return bytes.fromhex(self.log_key)

    def to_json(self) -> dict[str, Json]:
        """Return the identity as JSON values."""
        fields: dict[str, Json] = {name: getattr(self, name) for name in self.__slots__}
        fields |= {"version": 1, "origin": self.origin}
        return fields

    @classmethod
    def from_json(cls, value: Json) -> "Identity":
        """Read an identity back; raise `InvalidIdentityError` on anything but what `to_json` writes."""
        if not isinstance(value, Mapping) or set(value) != {"version", "origin", *cls.__slots__}:
            raise InvalidIdentityError("an identity of version 1 has exactly the published fields")
        texts = {name: value[name] for name in _HEX}
        for name, text in texts.items():
            if not isinstance(text, str) or not re.fullmatch(f"[0-9a-f]{{{_HEX[name]}}}", text):
                raise InvalidIdentityError(f"the identity's {name} is {_HEX[name]} lower-case hex digits")
        chain_id = value["chain_id"]
        if type(chain_id) is not int or value["version"] != 1:
            raise InvalidIdentityError("the identity's version is 1 and its chain id a whole number")
        identity = cls(str(texts["tenant"]), str(texts["log_key"]), chain_id, str(texts["registry"]))
        if value["origin"] != identity.origin:
            raise InvalidIdentityError("the identity's origin is not that of its tenant")
        return identity
