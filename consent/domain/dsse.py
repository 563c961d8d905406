"""Dead simple signing envelopes (DSSE 1.0): bytes, what they are, and who signed both.

    {"payload": base64(payload), "payloadType": type, "signatures": [{"keyid": key id, "sig": base64(signature)}, …]}

https://github.com/secure-systems-lab/dsse/blob/master/envelope.md and protocol.md. A signature is over

    PAE = "DSSEv1" SP len(type) SP type SP len(payload) SP payload

with lengths in bytes, ASCII decimals. Here signatures are Ed25519, and a key id is the SHA-256 of the 32-byte public
key in hex: a hint only, which no signature covers. Signing and verifying are passed in.
"""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import canonical_json, sha256
from consent.domain.note import SIGNATURE_BYTES, Verifier, from_base64

MANIFEST_TYPE: Final = "application/vnd.consentry.manifest+json"
_URL_SAFE: Final = str.maketrans("-_", "+/")


class EnvelopeError(ConsentError):
    """The envelope is malformed, of another type, or not signed by the key that you trust; do not use what is in it."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that signatures are over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_id(public_key: bytes) -> str:
    """Return the 64 hex digits by which an envelope names a 32-byte public key."""
    return sha256(public_key).hex()


def sign(payload: bytes, payload_type: str, public_key: bytes, signer: Callable[[bytes], bytes]) -> bytes:
    """Return the envelope as canonical JSON (RFC 8785); `signer` gets the PAE and returns 64 bytes."""
    signature = signer(pae(payload_type, payload))
    if len(signature) != SIGNATURE_BYTES:
        raise EnvelopeError("an Ed25519 signature has 64 bytes: sign with another key")
    named = {"keyid": key_id(public_key), "sig": base64.b64encode(signature).decode()}
    return canonical_json(
        {"payload": base64.b64encode(payload).decode(), "payloadType": payload_type, "signatures": [named]}
    )


def open_envelope(envelope: bytes, payload_type: str, public_key: bytes, verify: Verifier) -> bytes:
    """Return the payload, once the key's signature over it and its type is verified.

    Fields and signatures of others are ignored, as DSSE asks. Raises `EnvelopeError` for anything else.
    """
    found = _read(envelope)
    if found.get("payloadType") != payload_type:
        raise EnvelopeError("the envelope holds something else than was asked for")
    payload, signed = _bytes(found.get("payload")), False
    for keyid, signature in _signatures(found.get("signatures")):
        if keyid in {None, key_id(public_key)}:
            signed |= len(signature) == SIGNATURE_BYTES and verify(pae(payload_type, payload), signature)
    if not signed:
        raise EnvelopeError("the key that you trust did not sign this envelope")
    return payload


def open_own(envelope: bytes, payload_type: str, public_key: bytes, verify: Verifier) -> bytes:
    """Return the payload of an envelope that is just what `sign` writes; raise `EnvelopeError` for any other."""
    payload = open_envelope(envelope, payload_type, public_key, verify)
    _, signature = next(_signatures(_read(envelope).get("signatures")))
    if sign(payload, payload_type, public_key, lambda _: signature) != envelope:
        raise EnvelopeError("the envelope has more, or is spelled otherwise, than the one signature by this key asks")
    return payload


def unverified_payload(envelope: bytes) -> bytes:
    """Return what an envelope holds without asking who signed it: to look up what to check it against, no more."""
    return _bytes(_read(envelope).get("payload"))


def _read(envelope: bytes) -> dict[str, Any]:
    try:
        found = json.loads(envelope.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError("the envelope is not JSON") from error
    if not isinstance(found, dict):
        raise EnvelopeError("an envelope is a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise EnvelopeError("the envelope says one thing twice")
    return dict(pairs)


def _signatures(value: object) -> Iterator[tuple[str | None, bytes]]:
    """Yield key id (None where none is named) and signature of each; one without a signature spoils the envelope."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise EnvelopeError("an envelope's signatures are a list of objects")
    for one in value:
        keyid = one.get("keyid")
        if keyid is not None and not isinstance(keyid, str):
            raise EnvelopeError("a key id is text")
        yield keyid or None, _bytes(one.get("sig"))


def _bytes(text: object) -> bytes:
    """Return the bytes behind base64, standard or safe for URLs: DSSE allows both."""
    content = from_base64(text.translate(_URL_SAFE)) if isinstance(text, str) else None
    if content is None:
        raise EnvelopeError("a payload and a signature are base64")
    return content
