"""Envelopes: what opens, and everything that must not."""

import base64
import json
import re
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.domain.dsse import MANIFEST_TYPE, EnvelopeError, key_id, open_envelope, pae, sign, unverified_payload
from consent.domain.hashing import sha256
from consent.signatures import verifies

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "dsse.json").read_text())
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC: Final = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def opened(envelope: bytes, payload_type: str = MANIFEST_TYPE) -> bytes:
    return open_envelope(envelope, payload_type, PUBLIC, partial(verifies, PUBLIC))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: re.sub(r"\W+", "-", vector["name"]))
def test_an_envelope_opens_exactly_where_it_should(vector: dict[str, Any]) -> None:
    envelope = vector["envelope"].encode()
    if vector["payload"] is not None:
        assert opened(envelope).hex() == vector["payload"]
        return
    with pytest.raises(EnvelopeError):
        opened(envelope)


def test_nine_in_ten_vectors_must_fail() -> None:
    assert sum(vector["payload"] is None for vector in VECTORS) >= 0.9 * len(VECTORS)


def test_what_is_signed_is_what_the_protocol_publishes() -> None:
    """The example of DSSE's protocol.md."""
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == expected


def test_lengths_count_bytes() -> None:
    assert pae("ä", b"") == "DSSEv1 2 ä 0 ".encode()


def test_a_key_is_named_by_its_hash() -> None:
    [signature] = json.loads(sign(b"{}", MANIFEST_TYPE, PUBLIC, KEY.sign))["signatures"]
    assert signature["keyid"] == key_id(PUBLIC) == sha256(PUBLIC).hex()


@given(st.binary(max_size=200), st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
@settings(deadline=None)
def test_everything_that_is_signed_opens_again(payload: bytes, kind: str) -> None:
    envelope = sign(payload, kind, PUBLIC, KEY.sign)
    assert opened(envelope, kind) == unverified_payload(envelope) == payload


@given(st.data())
@settings(deadline=None)
def test_no_bit_of_what_is_signed_can_be_turned(data: st.DataObject) -> None:
    envelope = json.loads(sign(b'{"study":"kidneys"}', MANIFEST_TYPE, PUBLIC, KEY.sign))
    field = data.draw(st.sampled_from(["payload", "sig"]))
    holder = envelope if field == "payload" else envelope["signatures"][0]
    content = bytearray(base64.b64decode(holder[field]))
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    holder[field] = base64.b64encode(content).decode()
    with pytest.raises(EnvelopeError):
        opened(json.dumps(envelope).encode())


@given(st.binary())
@settings(deadline=None)
def test_no_bytes_break_the_reader(envelope: bytes) -> None:
    with pytest.raises(EnvelopeError):
        opened(envelope)


def test_a_signature_of_another_length_is_not_put_in() -> None:
    with pytest.raises(EnvelopeError):
        sign(b"", MANIFEST_TYPE, PUBLIC, lambda _: bytes(63))
