"""Who signed what: secp256k1 recovery through coincurve, Ed25519 through cryptography. No secret is ever here.

EIP-2098 compact signatures: r (32 bytes) || s (32 bytes) with the y parity in the top bit of s; s is low (EIP-2).
"""

from typing import Final

from coincurve import PublicKey
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consent.domain.hashing import keccak
from consent.domain.typed_data import Address

PARITY: Final = 1 << 255
"""The bit of s in which a compact signature keeps the parity of y."""
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def recover(digest: bytes, signature: bytes) -> Address | None:
    """Return the address that signed a 32-byte digest, or None; a high s is refused (EIP-2)."""
    r, parity_and_s = signature[:32], int.from_bytes(signature[32:], "big")
    s = parity_and_s & ~PARITY
    if len(signature) != 64 or s > _ORDER // 2:  # noqa: PLR2004  # r and s, 32 bytes each
        return None
    recoverable = r + s.to_bytes(32, "big") + bytes([parity_and_s >> 255])
    try:
        return address_of(PublicKey.from_signature_and_message(recoverable, digest, hasher=None))
    except Exception:  # noqa: BLE001  # coincurve raises bare Exception and ValueError for what is no signature
        return None


def address_of(key: PublicKey) -> Address:
    """Return a key's Ethereum address: the last 20 bytes of the Keccak-256 of its two coordinates."""
    return Address(keccak(key.format(compressed=False)[1:])[-20:])


def verifies(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether an Ed25519 signature is the key's."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
