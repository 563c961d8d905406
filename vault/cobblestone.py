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

import os
from hmac import compare_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from vault.errors import DecryptionError, KeyLengthError

KEY_BYTES = 32
SALT_BYTES = 24
COMMITMENT_BYTES = 32
HEADER_BYTES = SALT_BYTES + COMMITMENT_BYTES
CHUNK_BYTES = 16_384
TAG_BYTES = 16
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES

_NONCE_BYTES = 12
_INFO = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"


def encrypt(key: bytes, plaintext: bytes, context: bytes = b"") -> bytes:
    """Encrypt under a 32-byte key; the same context is needed to decrypt. 72 bytes longer for up to 16,383 bytes.

    Raises `KeyLengthError`.
    """
    salt = os.urandom(SALT_BYTES)
    cipher, base_nonce, commitment = _derive(key, salt, context)
    chunks = [
        cipher.encrypt(_nonce(base_nonce, k), plaintext[start : start + CHUNK_BYTES], None)
        # One past the end: a plaintext of whole chunks is closed by an empty one.
        for k, start in enumerate(range(0, len(plaintext) + 1, CHUNK_BYTES))
    ]
    return b"".join([salt, commitment, *chunks])


def decrypt(key: bytes, ciphertext: bytes, context: bytes = b"") -> bytes:
    """Return the whole plaintext; raise `DecryptionError` and hand out nothing unless every byte of it opens.

    Raises `KeyLengthError`.
    """
    last_chunk = (len(ciphertext) - HEADER_BYTES) % SEALED_CHUNK_BYTES
    if len(ciphertext) < HEADER_BYTES + TAG_BYTES or last_chunk < TAG_BYTES:
        raise DecryptionError("the ciphertext is cut off")
    cipher, base_nonce, commitment = _derive(key, ciphertext[:SALT_BYTES], context)
    if not compare_digest(commitment, ciphertext[SALT_BYTES:HEADER_BYTES]):
        raise DecryptionError("the ciphertext is not for this key and context")
    starts = range(HEADER_BYTES, len(ciphertext), SEALED_CHUNK_BYTES)
    try:
        return b"".join(
            [
                cipher.decrypt(_nonce(base_nonce, k), ciphertext[start : start + SEALED_CHUNK_BYTES], None)
                for k, start in enumerate(starts)
            ]
        )
    except InvalidTag as error:
        raise DecryptionError("the ciphertext is damaged") from error


def bind(*fields: bytes) -> bytes:
    """Join fields into a context that no other list of fields gives: each behind its 4-byte big-endian length."""
    return b"".join([len(field).to_bytes(4, "big") + field for field in fields])


def expand(key: bytes, info: bytes, length: int) -> bytes:
    """Return HKDF-Expand-SHA-512 (RFC 5869) of a 32-byte random key; raise `KeyLengthError`."""
    if len(key) != KEY_BYTES:
        raise KeyLengthError(f"a key has {KEY_BYTES} bytes, this one {len(key)}")
    return HKDFExpand(SHA512(), length, info).derive(key)


def _derive(key: bytes, salt: bytes, context: bytes) -> tuple[AESGCM, bytes, bytes]:
    okm = expand(key, _INFO + salt + context, KEY_BYTES + _NONCE_BYTES + COMMITMENT_BYTES)
    base_nonce, commitment = okm[KEY_BYTES:-COMMITMENT_BYTES], okm[-COMMITMENT_BYTES:]
    return AESGCM(okm[:KEY_BYTES]), base_nonce, commitment


def _nonce(base: bytes, k: int) -> bytes:
    return (int.from_bytes(base, "big") ^ k).to_bytes(_NONCE_BYTES, "big")
