"""The three levels of keys: the root wraps an epoch's key, an epoch's key wraps patients' keys, which have sub-keys.

A patient's key is random, never derived: what is derived can be derived again, so it could not die.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.cobblestone import KEY_BYTES, bind, expand
from vault.errors import KeyDamagedError
from vault.sealing import seal, unseal

CHECK_BYTES = 16
_NONCE_BYTES = 12
_SEAL_USES = (b"mac", b"seal")
_CHECK = bind(b"vault.check.v1")


class KeyEncryptionKey(Protocol):
    """R, wherever it lives: a file here, a key service or a hardware module elsewhere."""

    @property
    def destruction_delay(self) -> int:
        """For how many seconds whoever keeps R could bring back what it destroyed; no erasure is final before."""

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


_LABELS = {use: bind(b"vault.sub-key.v1", use.value.encode()) for use in SubKey}


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
        return _first_block(self.secret, _LABELS[use])[:KEY_BYTES]

    def expand(self, label: bytes) -> bytes:
        """Return 64 bytes that belong to a label (HKDF-Expand of K_p); no two uses have labels in common."""
        return _first_block(self.secret, label)

    def check(self) -> bytes:
        """Return the 16-byte key-check value: it tells this key from another and gives nothing of it away."""
        return check_value(self.secret)


@dataclass(frozen=True, slots=True)
class EpochSeal:
    """What holds for one epoch: MACs and sealed bytes that nobody makes again, or opens, once the epoch is dead.

    Its two keys are HKDF-Expand of E_n, each with a label of its own. Take it from `KeyTree.epoch_seal`.
    """

    number: int
    _mac_key: bytes = field(repr=False)
    _seal_key: bytes = field(repr=False)

    def mac(self, message: bytes) -> bytes:
        """Return the 32-byte HMAC-SHA256 of `message`."""
        return hmac.digest(self._mac_key, message, "sha256")

    def seal(self, content: bytes, context: bytes) -> bytes:
        """Return `0x01 || Cobblestone-256` of `content`; it opens in this epoch and with this context only."""
        return seal(self._seal_key, content, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed; raise `DecryptionError`, also for what another epoch sealed."""
        return unseal(self._seal_key, sealed, context)


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

    def for_content(self) -> EpochSeal:
        """Return what seals other things than patients' keys for as long as this epoch lives."""
        mac_key, seal_key = (expand(self.secret, bind(b"vault.epoch-seal.v1", use), KEY_BYTES) for use in _SEAL_USES)
        return EpochSeal(self.number, mac_key, seal_key)

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
        name = subject.encode()
        return self._place + len(name).to_bytes(4, "big") + name  # as `bind` does it, for one field


def check_value(key: bytes) -> bytes:
    """Return the 16-byte check value of a 32-byte key: HKDF-Expand with a label that no other use has."""
    return _first_block(key, _CHECK)[:CHECK_BYTES]


def _first_block(key: bytes, info: bytes) -> bytes:
    """Return the first 64 bytes of `vault.cobblestone.expand`, which are one HMAC; this runs for every patient."""
    return hmac.digest(key, info + b"\1", "sha512")
