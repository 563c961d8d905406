"""Cobblestone-256: the C2SP "chunked encryption" scheme with SHA-512 and AES-256-GCM.

Source: c2sp.org/chunked-encryption. The bytes:

    input key   32 uniformly random bytes
    salt        24 random bytes, new for each message
    info        "c2sp.org/chunked-encryption@v1+" || "AEAD_AES_256_GCM" || 0x00 || salt || context
    okm         HKDF-Expand-SHA-512(input key, info, 76 bytes) = key (32) || base nonce (12) || commitment (32)
    ciphertext  salt (24) || commitment (32) || chunk 0 || chunk 1 || ...
    chunk k     AES-256-GCM(key, nonce = base nonce XOR big-endian k, no associated text) of 16,384 plaintext bytes

The last chunk is always shorter than 16,384 bytes and may be empty; that is how a cut-off message is known.
"""

import hashlib
import os
from hmac import compare_digest
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.errors import DecryptionError, KeyLengthError

KEY_BYTES: Final = 32
SALT_BYTES: Final = 24
COMMITMENT_BYTES: Final = 32
HEADER_BYTES: Final = SALT_BYTES + COMMITMENT_BYTES
CHUNK_BYTES: Final = 16_384
TAG_BYTES: Final = 16
SEALED_CHUNK_BYTES: Final = CHUNK_BYTES + TAG_BYTES

_NONCE_BYTES: Final = 12
_COMMITMENT_AT: Final = KEY_BYTES + _NONCE_BYTES
_INFO: Final = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"
_BLOCK_BYTES: Final = 128
_HASH_BYTES: Final = 64
_SPILL: Final = _COMMITMENT_AT + COMMITMENT_BYTES - _HASH_BYTES
"""How much of the commitment lies in the second block of HKDF's output."""
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))


def encrypt(key: bytes, plaintext: bytes, context: bytes = b"") -> bytes:
    """Encrypt under a 32-byte key; the same context is needed to decrypt. 72 bytes longer for up to 16,383 bytes.

    Raises `KeyLengthError`.
    """
    return MessageKey(key).encrypt(os.urandom(SALT_BYTES), plaintext, context)


def decrypt(key: bytes, ciphertext: bytes, context: bytes = b"") -> bytes:
    """Return the whole plaintext; raise `DecryptionError` and hand out nothing unless every byte of it opens.

    Raises `KeyLengthError`.
    """
    return MessageKey(key).decrypt(ciphertext, context)


def bind(*fields: bytes) -> bytes:
    """Join fields into a context that no other list of fields gives: each behind its 4-byte big-endian length."""
    return b"".join([len(field).to_bytes(4, "big") + field for field in fields])


def expand(key: bytes, info: bytes, length: int) -> bytes:
    """Return HKDF-Expand-SHA-512 (RFC 5869) of a 32-byte random key; raise `KeyLengthError`."""
    return MessageKey(key).expand(info, length)


class MessageKey:
    """A 32-byte key made ready for many messages: HMAC's two padded blocks (RFC 2104) are hashed once, not each time.

    Raises `KeyLengthError`.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise KeyLengthError(f"a key has {KEY_BYTES} bytes, this one {len(key)}")
        padded = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha512(padded.translate(_INNER_PAD))
        self._outer = hashlib.sha512(padded.translate(_OUTER_PAD))

    def encrypt(self, salt: bytes, plaintext: bytes, context: bytes, lead: bytes = b"") -> bytes:
        """Encrypt under 24 random bytes that no other message has; `lead` is put in front, in clear."""
        cipher, nonce, commitment = self._derive(salt, context)
        if len(plaintext) < CHUNK_BYTES:
            return b"".join((lead, salt, commitment, cipher.encrypt(nonce, plaintext, None)))
        chunks = [
            cipher.encrypt(_nonce(nonce, k), plaintext[start : start + CHUNK_BYTES], None)
            # One past the end: a plaintext of whole chunks is closed by an empty one.
            for k, start in enumerate(range(0, len(plaintext) + 1, CHUNK_BYTES))
        ]
        return b"".join([lead, salt, commitment, *chunks])

    def decrypt(self, ciphertext: bytes, context: bytes, start: int = 0) -> bytes:
        """Decrypt what begins at `start`, all of it or nothing; raise `DecryptionError`."""
        chunks = start + HEADER_BYTES
        length = len(ciphertext) - chunks
        if length < TAG_BYTES or length % SEALED_CHUNK_BYTES < TAG_BYTES:
            raise DecryptionError("the ciphertext is cut off")
        salted = start + SALT_BYTES
        cipher, nonce, commitment = self._derive(ciphertext[start:salted], context)
        if not compare_digest(commitment, ciphertext[salted:chunks]):
            raise DecryptionError("the ciphertext is not for this key and context")
        try:
            if length < SEALED_CHUNK_BYTES:
                return cipher.decrypt(nonce, ciphertext[chunks:], None)
            return b"".join(
                [
                    cipher.decrypt(_nonce(nonce, k), ciphertext[place : place + SEALED_CHUNK_BYTES], None)
                    for k, place in enumerate(range(chunks, len(ciphertext), SEALED_CHUNK_BYTES))
                ]
            )
        except InvalidTag as error:
            raise DecryptionError("the ciphertext is damaged") from error

    def expand(self, info: bytes, length: int) -> bytes:
        """Return HKDF-Expand-SHA-512 (RFC 5869, 2.3) of this key, at most 255 blocks of 64 bytes."""
        blocks, block = [], b""
        for number in range(1, -(-length // _HASH_BYTES) + 1):
            block = self._mac(b"%b%b%c" % (block, info, number))
            blocks.append(block)
        return b"".join(blocks)[:length]

    def _mac(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def _derive(self, salt: bytes, context: bytes) -> tuple[AESGCM, bytes, bytes]:
        # `expand` for two blocks and `_mac`, written out: this runs once a record, and calls are a fifth of its time.
        info = _INFO + salt + context
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(info + b"\1")
        outer.update(inner.digest())
        first = outer.digest()
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(first + info + b"\2")
        outer.update(inner.digest())
        second = outer.digest()
        return AESGCM(first[:KEY_BYTES]), first[KEY_BYTES:_COMMITMENT_AT], first[_COMMITMENT_AT:] + second[:_SPILL]


def _nonce(base: bytes, k: int) -> bytes:
    return (int.from_bytes(base, "big") ^ k).to_bytes(_NONCE_BYTES, "big")
