"""What the vault stores: one format byte, then a Cobblestone-256 ciphertext."""

from vault.cobblestone import decrypt, encrypt
from vault.errors import DecryptionError

FORMAT = b"\x01"


def seal(key: bytes, content: bytes, context: bytes) -> bytes:
    """Return `0x01 || ciphertext` of `content`; it opens with the same 32-byte key and context only."""
    return FORMAT + encrypt(key, content, context)


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Open what `seal` made; raise `DecryptionError`, also for a format byte that is not ours."""
    if sealed[:1] != FORMAT:
        raise DecryptionError("the sealed bytes are of an unknown format")
    return decrypt(key, sealed[1:], context)
