"""Keys and signatures: secp256k1 through coincurve, Ed25519 through cryptography.

EIP-2098 compact signatures: r (32 bytes) || s (32 bytes) with the y parity in the top bit of s; s is low (EIP-2).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from coincurve import PrivateKey
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.domain.errors import ConsentError
from consent.domain.typed_data import Address
from consent.signatures import PARITY, address_of

_LOG_KEY: Final = b"consentry/log-key/v1"
_OPERATOR_KEY: Final = b"consentry/operator-key/v1"


class LogKeyError(ConsentError):
    """The log key's file is missing or damaged; restore it from where the operator keeps its copy."""


@dataclass(frozen=True, slots=True)
class WalletKey:
    """One secp256k1 key of a wallet; 32 bytes of secret."""

    secret: bytes

    @property
    def address(self) -> Address:
        """The Ethereum address: the last 20 bytes of the Keccak-256 of the public key."""
        return address_of(PrivateKey(self.secret).public_key)

    def sign(self, digest: bytes) -> bytes:
        """Sign a 32-byte digest; 64 bytes, EIP-2098."""
        signature = PrivateKey(self.secret).sign_recoverable(digest, hasher=None)
        s = int.from_bytes(signature[32:64], "big") | (PARITY if signature[64] else 0)
        return bytes(signature[:32] + s.to_bytes(32, "big"))

    def __repr__(self) -> str:
        return f"WalletKey({self.address.hex()})"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key."""

    _key: Ed25519PrivateKey = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """The 32-byte public key."""
        return self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message`."""
        return self._key.sign(message)


@dataclass(frozen=True, slots=True)
class LogKey(SigningKey):
    """The Ed25519 key that signs checkpoints and receipts."""

    @classmethod
    def create(cls, path: Path, wrap: Callable[[bytes, bytes], bytes]) -> Self:
        """Draw a key and keep it wrapped, readable by its owner only; `wrap(context, key)` is the root key's."""
        key = Ed25519PrivateKey.generate()
        content = wrap(_LOG_KEY, key.private_bytes_raw())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return cls(key)

    @classmethod
    def open(cls, path: Path, unwrap: Callable[[bytes, bytes], bytes]) -> Self:
        """Open a kept key; raise `LogKeyError` when it is missing; what `unwrap(context, wrapped)` raises otherwise."""
        try:
            wrapped = path.read_bytes()
        except OSError as error:
            raise LogKeyError("the log key's file is missing: restore it from its other copy") from error
        return cls(Ed25519PrivateKey.from_private_bytes(unwrap(_LOG_KEY, wrapped)))


@dataclass(frozen=True, slots=True)
class OperatorKey(SigningKey):
    """The Ed25519 key with which one operator approves requests; nobody else holds its file's passphrase."""

    @classmethod
    def derived(cls, derive: Callable[[bytes], bytes]) -> Self:
        """Return the key that belongs to an operator's own root key; `derive(context)` gives 32 bytes of it."""
        return cls(Ed25519PrivateKey.from_private_bytes(derive(_OPERATOR_KEY)))
