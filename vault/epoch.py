"""The three levels of keys: the root wraps an epoch's key, an epoch's key wraps patients' keys, which have sub-keys.

A patient's key is random, never derived: what is derived can be derived again, so it could not die.
"""

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.cobblestone import KEY_BYTES, bind, expand
from vault.errors import KeyDamagedError

CHECK_BYTES = 16
_NONCE_BYTES = 12


class KeyEncryptionKey(Protocol):
    """R, wherever it lives: a file here, a key service or a hardware module elsewhere."""

    def wrap(self, context: bytes, key: bytes) -> bytes:
        """Return `key` encrypted under R, bound to `context`."""

    def unwrap(self, context: bytes, wrapped: bytes) -> bytes:
        """Return the key again; raise `DecryptionError` for anything not wrapped under R for this very context."""

    def derive(self, context: bytes) -> bytes:
        """Return the 32 bytes that belong to `context` under R, always the same."""


class SubKey(StrEnum):
    """What a patient's key is used for, never itself: sealing, HMACs and salts, and lookup."""

    RECORD = "record"
    COMMIT = "commit"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class PatientKey:
    """K_p: 32 random bytes that everything of one patient hangs on."""

    secret: bytes = field(repr=False)

    @classmethod
    def draw(cls) -> Self:
        """Return a new random key."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def sub_key(self, use: SubKey) -> bytes:
        """Return the 32-byte key for one use (HKDF-Expand of K_p with the use as label)."""
        return expand(self.secret, bind(b"vault.sub-key.v1", use.value.encode()), KEY_BYTES)

    def check(self) -> bytes:
        """Return the 16-byte key-check value: it tells this key from another and gives nothing of it away."""
        return check_value(self.secret)


@dataclass(frozen=True, slots=True)
class EpochKey:
    """E_n of one tenant: 32 random bytes that wrap patients' keys with AES-256-GCM.

    A wrapped key is nonce (12, random) || ciphertext (32) || tag (16), the context as associated text. Random nonces
    hold for 2^32 wraps under one epoch's key: one for each patient.
    """

    tenant: str
    number: int
    secret: bytes = field(repr=False)
    _cipher: AESGCM = field(init=False, repr=False, compare=False)
    _place: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cipher", AESGCM(self.secret))
        place = bind(b"vault.patient-key.v1", self.tenant.encode(), b"%d" % self.number)
        object.__setattr__(self, "_place", place)

    @classmethod
    def draw(cls, tenant: str, number: int) -> Self:
        """Return a new random key for epoch `number`."""
        return cls(tenant, number, secrets.token_bytes(KEY_BYTES))

    def check(self) -> bytes:
        """Return the 16-byte key-check value."""
        return check_value(self.secret)

    def wrap(self, subject: str, key: PatientKey) -> bytes:
        """Return a patient's key wrapped for its subject in this epoch, 60 bytes."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key.secret, self._context(subject))

    def unwrap(self, subject: str, wrapped: bytes) -> PatientKey:
        """Return a patient's key; raise `KeyDamagedError` unless it was wrapped here, for this subject."""
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return PatientKey(self._cipher.decrypt(nonce, sealed, self._context(subject)))
        except (InvalidTag, ValueError) as error:
            raise KeyDamagedError("a wrapped key does not open: restore the keys database") from error

    def _context(self, subject: str) -> bytes:
        return self._place + bind(subject.encode())


def check_value(key: bytes) -> bytes:
    """Return the 16-byte check value of a 32-byte key: HKDF-Expand with a label that no other use has."""
    return expand(key, bind(b"vault.check.v1"), CHECK_BYTES)
