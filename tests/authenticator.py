"""A passkey in software (WebAuthn Level 3, sections 6 and 7): ES256, no attestation, what a phone would answer.

key = Authenticator("sign.localhost", "http://sign.localhost:8000")
registration = key.create(options)      # the server's options as JSON
assertion = key.use(options)
"""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

_COUNTER: Final = Struct(">I")
_LENGTH: Final = Struct(">H")
_ES256: Final = -7
_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


@dataclass(slots=True)
class Authenticator:
    """One credential; `counts` is how much its counter goes up with each use, 0 for one that does not count."""

    host: str
    origin: str
    counts: int = 1
    verifies: bool = True
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False)
    counter: int = 0

    def create(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return a RegistrationResponseJSON for PublicKeyCredentialCreationOptions."""
        attested = bytes(16) + _LENGTH.pack(len(self.credential)) + self.credential + cbor2.dumps(self._cose_key())
        statement = {"fmt": "none", "attStmt": {}, "authData": self._said(_ATTESTED) + attested}
        client = self._client("webauthn.create", options)
        return self._answer({"clientDataJSON": text(client), "attestationObject": text(cbor2.dumps(statement))})

    def use(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return an AuthenticationResponseJSON for PublicKeyCredentialRequestOptions."""
        self.counter += self.counts
        said, client = self._said(), self._client("webauthn.get", options)
        signature = self.key.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        shown = {"clientDataJSON": text(client), "authenticatorData": text(said), "signature": text(signature)}
        return self._answer(shown)

    def _said(self, also: int = 0) -> bytes:
        """Return authenticator data as far as every ceremony has it."""
        flags = _PRESENT | (_VERIFIED if self.verifies else 0) | also
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + _COUNTER.pack(self.counter)

    def _client(self, ceremony: str, options: Mapping[str, Any]) -> bytes:
        challenge = {"type": ceremony, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(challenge).encode()

    def _cose_key(self) -> dict[int, object]:
        """Return the public key as RFC 9053 writes a P-256 key for ES256."""
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: _ES256, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}

    def _answer(self, response: Mapping[str, str]) -> dict[str, Any]:
        name = text(self.credential)
        return {"id": name, "rawId": name, "type": "public-key", "response": dict(response)}


def text(content: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def content(written: str) -> bytes:
    """Return what `text` wrote."""
    return urlsafe_b64decode(written + "=" * (-len(written) % 4))
