"""Whether a manifest is what was signed for a release, and by whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consent.client.errors import NotVerifiedError, UsageError
from consent.domain.dsse import MANIFEST_TYPE, EnvelopeError, open_envelope
from consent.domain.hashing import NotCanonicalError, canonical_json, sha256
from consent.domain.manifest import InvalidManifestError, Manifest
from consent.domain.note import Verifier

_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A manifest as the API answers it.

    Attributes:
        manifest: its fields.
        hash: SHA-256 of their canonical JSON, hex.
        envelope: the log key's signature over them (DSSE).
        log_key: that key, 32 bytes as hex.
    """

    manifest: Mapping[str, Any]
    hash: str
    envelope: Mapping[str, Any]
    log_key: str


def require_manifest(signed: SignedManifest, study: str, release: int, log_key: bytes | None) -> Manifest:
    """Return the manifest if hash, signature, study and release fit together; raise `NotVerifiedError` otherwise."""
    key = _key(signed, log_key)
    try:
        manifest = Manifest.from_json(dict(signed.manifest))
        payload = open_envelope(canonical_json(signed.envelope), MANIFEST_TYPE, key, _verifier(key))
    except (InvalidManifestError, EnvelopeError, NotCanonicalError) as error:
        raise NotVerifiedError("the manifest is none, or the log key did not sign it: do not use the model") from error
    if manifest.to_bytes() != payload or sha256(payload).hex() != signed.hash:
        raise NotVerifiedError("the manifest is not the one that the log key signed: do not use the model")
    if (manifest.study, manifest.release) != (study, release):
        raise NotVerifiedError("the manifest is that of another study or release: do not use the model")
    return manifest


def _key(signed: SignedManifest, log_key: bytes | None) -> bytes:
    """Return the key to believe: the caller's own, which the API's must be too."""
    if log_key is not None and len(log_key) != _KEY_BYTES:
        raise UsageError("the log key has 32 bytes: take it as the auditor gave it")
    try:
        told = bytes.fromhex(signed.log_key)
    except ValueError:
        told = b""
    if len(told) != _KEY_BYTES or log_key not in {None, told}:
        raise NotVerifiedError("the API names another log key than the one that you trust: do not use the model")
    return told


def _verifier(log_key: bytes) -> Verifier:
    key = Ed25519PublicKey.from_public_bytes(log_key)

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify
