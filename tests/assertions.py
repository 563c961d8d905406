"""A client's program in tests: it signs as RFC 7515 and RFC 7523 say, or in whatever other way a test wants.

signer = Signer.drawn("kidney-team")
signer.signed(AUDIENCE, now)                         what holds
signer.signed(AUDIENCE, now, exp=now)                another claim; None leaves one out
signer.signed(AUDIENCE, now, header={"alg": "none"})
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.authenticator import text

AUDIENCE: Final = "http://api.localhost:8001/v1/token"


@dataclass(frozen=True, slots=True)
class Signer:
    """One client and one of its keys."""

    client: str
    key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey

    @classmethod
    def drawn(cls, client: str, kind: str = "OKP") -> "Signer":
        """Draw a key, of type OKP (Ed25519) or EC (P-256)."""
        return cls(client, Ed25519PrivateKey.generate() if kind == "OKP" else ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, str]:
        """The public JWK."""
        if isinstance(self.key, Ed25519PrivateKey):
            return {"crv": "Ed25519", "kty": "OKP", "x": text(self.key.public_key().public_bytes_raw())}
        numbers = self.key.public_key().public_numbers()
        return {"crv": "P-256", "kty": "EC", "x": text(numbers.x.to_bytes(32)), "y": text(numbers.y.to_bytes(32))}

    @property
    def kid(self) -> str:
        """The key's thumbprint, as RFC 7638 spells it out."""
        return text(hashlib.sha256(json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()).digest())

    def signed(self, audience: str, now: int, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """Return a compact JWS; what is given here is said instead, and None leaves it out."""
        said = {"iss": self.client, "sub": self.client, "aud": audience, "iat": now, "exp": now + 60}
        shown = {"alg": "EdDSA" if self.jwk["kty"] == "OKP" else "ES256", "kid": self.kid, "typ": "JWT"}
        payload = said | {"jti": secrets.token_hex(16)} | claims
        return self.over(_kept(shown | dict(header or {})), _kept(payload))

    def over(self, header: str, payload: str) -> str:
        """Return a compact JWS over these very texts."""
        message = f"{text(header.encode())}.{text(payload.encode())}"
        return f"{message}.{text(self.raw(message.encode()))}"

    def raw(self, message: bytes) -> bytes:
        """Return the signature's 64 bytes."""
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(message)
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)


def _kept(members: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in members.items() if value is not None})
