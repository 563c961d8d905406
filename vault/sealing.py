"""What the vault stores: one format byte, then a Cobblestone-256 ciphertext."""

import os
from typing import Final

from vault.cobblestone import SALT_BYTES, MessageKey
from vault.errors import DecryptionError

FORMAT: Final = b"\x01"
_FORMAT_BYTE: Final = FORMAT[0]


def seal(key: bytes, content: bytes, context: bytes) -> bytes:
    """Return `0x01 || ciphertext` of `content`; it opens with the same 32-byte key and context only."""
    return seal_ready(MessageKey(key), os.urandom(SALT_BYTES), content, context)


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Open what `seal` made; raise `DecryptionError`, also for a format byte that is not ours."""
    return unseal_ready(MessageKey(key), sealed, context)


def seal_ready(key: MessageKey, salt: bytes, content: bytes, context: bytes) -> bytes:
    """Seal as `seal` does under a key made ready; `salt` is 24 random bytes that no other message has."""
    return key.encrypt(salt, content, context, FORMAT)


def unseal_ready(key: MessageKey, sealed: bytes, context: bytes) -> bytes:
    """Open as `unseal` does under a key made ready."""
    if not sealed or sealed[0] != _FORMAT_BYTE:
        raise DecryptionError("the sealed bytes are of an unknown format")
    return key.decrypt(sealed, context, 1)
