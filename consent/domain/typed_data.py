"""EIP-712 typed data, as far as the registry uses it.

    digest     = keccak256(0x19 0x01 || domainSeparator || hashStruct(message))
    hashStruct = keccak256(keccak256(encodeType) || encodeData)

Values are static words of 32 bytes; strings are hashed. Source: EIP-712. `tests/domain/test_typed_data.py` compares
each digest with eth-account's of the same nested message.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final, NewType, Protocol

from consent.domain.hashing import keccak

Address = NewType("Address", bytes)
"""Twenty bytes: the last ones of the Keccak-256 of a public key."""

DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
DETAILS_TYPE: Final = "Details(string who,string what,string why,string until,bytes32 terms,bytes32 salt)"
GRANT_TYPE: Final = "Grant(Details details,address patient,uint64 expires,uint64 publish_by)" + DETAILS_TYPE
REVOCATION_TYPE: Final = "Revocation(bytes32 commitment,address patient)"
CERTIFICATE_TYPE: Final = "AddressCertificate(string subject,address patient)"
REQUEST_TYPE: Final = "SubjectRequest(string action,string subject,string origin,uint64 requested,bytes16 nonce)"
SIGN_IN_TYPE: Final = "SignIn(string origin,bytes32 challenge)"
NAME: Final = "Consentry"
VERSION: Final = "1"


@dataclass(frozen=True)
class SigningDomain:
    """Where a signature counts: one chain and one registry contract on it."""

    chain_id: int
    contract: Address

    @cached_property
    def separator(self) -> bytes:
        """The 32-byte EIP-712 domain separator."""
        return hash_struct(DOMAIN_TYPE, hash_text(NAME), hash_text(VERSION), word(self.chain_id), word(self.contract))

    def digest(self, struct_hash: bytes) -> bytes:
        """Return the 32 bytes that a wallet signs for a message with this struct hash."""
        return keccak(b"\x19\x01" + self.separator + struct_hash)


def hash_struct(type_text: str, *words: bytes) -> bytes:
    """Return EIP-712's hashStruct of a message whose encoded members are `words`, 32 bytes each."""
    return keccak(_type_hash(type_text) + b"".join(words))


@cache
def _type_hash(type_text: str) -> bytes:
    return keccak(type_text.encode())


def hash_text(text: str) -> bytes:
    """Return the word that stands for a string member."""
    return keccak(text.encode())


def word(value: int | bytes) -> bytes:
    """Return an unsigned integer or an address as one big-endian word."""
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\x00")


class Recovery(Protocol):
    """Recovers who signed a 32-byte digest with an EIP-2098 compact secp256k1 signature."""

    def __call__(self, digest: bytes, signature: bytes) -> Address | None:
        """Return the signer's address, or None when no key gives this signature or its s is high (EIP-2)."""
