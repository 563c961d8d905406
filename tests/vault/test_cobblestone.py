"""Cobblestone-256 against a slow reading of its specification, against frozen vectors, and against meddling."""

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from vault import DecryptionError, KeyLengthError
from vault.cobblestone import bind, decrypt, encrypt
from vault.sealing import seal, unseal

VECTORS = Path(__file__).parents[1] / "vectors" / "cobblestone.json"
KEY, CONTEXT = bytes(range(32)), b"where it belongs"
HEADER, CHUNK, SEALED_CHUNK = 56, 16_384, 16_400
AROUND_CHUNKS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]


def reference(key: bytes, salt: bytes, plaintext: bytes, context: bytes) -> bytes:
    """The specification word by word, sharing nothing with the vault but AES-GCM itself."""
    info = b"c2sp.org/chunked-encryption@v1+" + b"AEAD_AES_256_GCM" + b"\x00" + salt + context
    okm, block = b"", b""
    for counter in (1, 2):
        block = hmac.new(key, block + info + bytes([counter]), hashlib.sha512).digest()
        okm += block
    message_key, base_nonce, commitment = okm[:32], okm[32:44], okm[44:76]
    ciphertext, rest, k = salt + commitment, plaintext, 0
    while True:
        nonce = bytes(a ^ b for a, b in zip(base_nonce, k.to_bytes(12, "big"), strict=True))
        ciphertext += AESGCM(message_key).encrypt(nonce, rest[:CHUNK], None)
        if len(rest) < CHUNK:
            return ciphertext
        rest, k = rest[CHUNK:], k + 1


def pattern(length: int) -> bytes:
    """Bytes that differ from chunk to chunk."""
    return hashlib.shake_128(b"consentry").digest(length)


def expand_vector(vector: dict[str, Any]) -> bytes:
    """Return a vector's ciphertext: as given, or the reference's cut where it says."""
    if "ciphertext" in vector:
        return bytes.fromhex(vector["ciphertext"])
    key, salt = bytes.fromhex(vector["key"]), bytes.fromhex(vector["salt"])
    ciphertext = reference(key, salt, pattern(vector["length"]), bytes.fromhex(vector["context"]))
    assert hashlib.sha256(ciphertext).hexdigest() == vector["ciphertext_sha256"]
    return ciphertext[: vector.get("kept")]


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text())["vectors"], ids=lambda vector: vector["name"])
def test_every_frozen_vector_has_its_outcome(vector: dict[str, Any]) -> None:
    key, context, ciphertext = bytes.fromhex(vector["key"]), bytes.fromhex(vector["context"]), expand_vector(vector)
    if vector["outcome"] == "opens":
        assert hashlib.sha256(decrypt(key, ciphertext, context)).hexdigest() == vector["plaintext_sha256"]
    else:
        with pytest.raises(DecryptionError):
            decrypt(key, ciphertext, context)


@pytest.mark.parametrize("length", AROUND_CHUNKS)
def test_what_is_encrypted_is_what_the_specification_says_and_decrypts(length: int) -> None:
    plaintext = pattern(length)
    ciphertext = encrypt(KEY, plaintext, CONTEXT)
    assert ciphertext == reference(KEY, ciphertext[:24], plaintext, CONTEXT)
    assert decrypt(KEY, ciphertext, CONTEXT) == plaintext
    assert len(ciphertext) == HEADER + length + 16 * (length // CHUNK + 1)


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_any_message_goes_round(plaintext: bytes, context: bytes) -> None:
    assert decrypt(KEY, encrypt(KEY, plaintext, context), context) == plaintext


def test_two_encryptions_of_one_message_share_nothing() -> None:
    one, other = encrypt(KEY, b"same"), encrypt(KEY, b"same")
    assert one[:24] != other[:24]
    assert one[24:56] != other[24:56]
    assert one[56:] != other[56:]


def test_every_flipped_bit_is_noticed() -> None:
    ciphertext = encrypt(KEY, b"blood count", CONTEXT)
    for bit in range(8 * len(ciphertext)):
        altered = bytearray(ciphertext)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecryptionError):
            decrypt(KEY, bytes(altered), CONTEXT)


def test_every_length_that_a_short_message_can_be_cut_to_is_refused() -> None:
    ciphertext = encrypt(KEY, b"blood count", CONTEXT)
    for length in range(len(ciphertext)):
        with pytest.raises(DecryptionError):
            decrypt(KEY, ciphertext[:length], CONTEXT)
    with pytest.raises(DecryptionError):
        decrypt(KEY, ciphertext + b"\0", CONTEXT)


@pytest.mark.parametrize("kept", range(3))
def test_a_message_that_lost_its_last_chunks_is_refused(kept: int) -> None:
    ciphertext = encrypt(KEY, pattern(3 * CHUNK + 5))
    with pytest.raises(DecryptionError, match="cut off"):
        decrypt(KEY, ciphertext[: HEADER + kept * SEALED_CHUNK])


def test_chunks_in_another_order_are_refused() -> None:
    ciphertext = encrypt(KEY, pattern(2 * CHUNK + 5))
    first, second = HEADER, HEADER + SEALED_CHUNK
    swapped = ciphertext[second : second + SEALED_CHUNK] + ciphertext[first:second]
    with pytest.raises(DecryptionError):
        decrypt(KEY, ciphertext[:HEADER] + swapped + ciphertext[second + SEALED_CHUNK :])


@pytest.mark.parametrize("key", [b"", bytes(16), bytes(31), bytes(33), bytes(64)])
def test_a_key_of_another_length_is_the_callers_mistake(key: bytes) -> None:
    with pytest.raises(KeyLengthError):
        encrypt(key, b"")
    with pytest.raises(KeyLengthError):
        decrypt(key, encrypt(KEY, b""))


def test_no_error_shows_key_or_contents() -> None:
    key = b"secret-key-secret-key-secret-key"
    with pytest.raises(DecryptionError) as caught:
        decrypt(key, encrypt(KEY, b"positive"), b"anna")
    assert not re.search("secret|positive|anna", str(caught.value))


@given(st.lists(st.binary(max_size=6), max_size=5), st.lists(st.binary(max_size=6), max_size=5))
def test_two_lists_of_fields_bind_to_one_context_only_when_they_are_the_same(
    one: list[bytes], other: list[bytes]
) -> None:
    assert (bind(*one) == bind(*other)) == (one == other)


def test_a_bound_field_stands_behind_its_length() -> None:
    assert bind(b"ab", b"") == b"\0\0\0\x02ab\0\0\0\0"


def test_sealed_bytes_carry_a_format_byte_and_no_other_is_taken() -> None:
    sealed = seal(KEY, b"content", CONTEXT)
    assert sealed[:1] == b"\x01"
    assert unseal(KEY, sealed, CONTEXT) == decrypt(KEY, sealed[1:], CONTEXT) == b"content"
    for wrong in (b"", b"\x00" + sealed[1:], b"\x02" + sealed[1:], sealed[1:]):
        with pytest.raises(DecryptionError):
            unseal(KEY, wrong, CONTEXT)
