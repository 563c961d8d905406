"""Signed JSON with Ed25519, by hand, because it is so little (RFC 7515, RFC 8037).

    base64url(header) "." base64url(payload) "." base64url(signature)

The signature is over the first two parts as ASCII. A key's name is its thumbprint (RFC 7638): SHA-256 over the members
that make the key, in the order of their names and without spaces.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.domain.hashing import sha256

_ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def base64url(value: bytes) -> str:
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes | None:
    """Read base64url without padding back; None for anything that `base64url` does not write."""
    if not set(text) <= _ALPHABET:
        return None
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    return value if base64url(value) == text else None


def compact(header: bytes, payload: bytes, key: Ed25519PrivateKey) -> str:
    """Return header and payload with the key's signature over both (RFC 7515, section 7.1)."""
    signed = f"{base64url(header)}.{base64url(payload)}"
    return f"{signed}.{base64url(key.sign(signed.encode()))}"


def thumbprint(x: str) -> str:
    """Return the name of an Ed25519 key, 43 characters, from its public half in base64url (RFC 8037, appendix A.3)."""
    return base64url(sha256(packed({"crv": "Ed25519", "kty": "OKP", "x": x})))


def packed(value: Mapping[str, object]) -> bytes:
    """Return JSON without spaces, names in order."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
