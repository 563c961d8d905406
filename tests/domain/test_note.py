"""Signed notes: what opens, what is ignored, and what spoils the whole note."""

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.domain.note import ED25519, NoteError, Verifier, key_id, open_note, sign

Junk = Any  # what a stranger may send

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "note.json").read_text())
NAME: Final = "consentry.example/log"
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC: Final = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _known(keys: Mapping[str, str]) -> dict[str, tuple[bytes, Verifier]]:
    public = {name: bytes.fromhex(key) for name, key in keys.items()}
    return {name: (key, partial(_verify, key)) for name, key in public.items()}


KNOWN: Final = _known({NAME: PUBLIC.hex()})


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: re.sub(r"\W+", "-", vector["name"]))
def test_a_note_opens_exactly_where_it_should(vector: dict[str, Any]) -> None:
    if vector["text"] is not None:
        assert open_note(vector["note"], _known(vector["keys"])) == (vector["text"], frozenset(vector["signed"]))
        return
    with pytest.raises(NoteError):
        open_note(vector["note"], _known(vector["keys"]))


def test_a_key_id_is_that_of_the_published_key() -> None:
    public = bytes.fromhex("1a5cd907143c384c41e830c5bce12aa8817ec5649aaabf2c31388b35b2d744d6")
    assert key_id("PeterNeumann", ED25519, public).hex() == "c74f20a3"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), min_size=1))
@settings(deadline=None)
def test_every_text_that_can_be_signed_opens_again(text: str) -> None:
    text += "\n"
    assert open_note(sign(text, NAME, PUBLIC, KEY.sign), KNOWN) == (text, frozenset({NAME}))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_note_with_any_character_changed_never_opens_to_another_text(data: st.DataObject) -> None:
    note = sign("consentry.example/log\n7\nroot\n", NAME, PUBLIC, KEY.sign)
    place = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters(max_codepoint=0x2FFF).filter(lambda character: character != note[place]))
    with pytest.raises(NoteError):
        open_note(note[:place] + other + note[place + 1 :], KNOWN)


@pytest.mark.parametrize(
    "text", ["", "\n", "no line feed", "a\rb\n", "a\x1bb\n", "a\ud800b\n", None, b"text\n"], ids=repr
)
def test_a_text_that_no_note_can_hold_is_not_signed(text: Junk) -> None:
    with pytest.raises(NoteError):
        sign(text, NAME, PUBLIC, KEY.sign)


@pytest.mark.parametrize("name", ["", "a log", "a+b", "a\nb", "a\u2003b", "a\u202eb", None, b"log"], ids=repr)
def test_a_name_that_no_line_can_hold_is_refused(name: Junk) -> None:
    with pytest.raises(NoteError):
        sign("text\n", name, PUBLIC, KEY.sign)
    with pytest.raises(NoteError):
        open_note(sign("text\n", NAME, PUBLIC, KEY.sign), {name: KNOWN[NAME]})


def test_keys_and_signatures_of_another_length_are_refused() -> None:
    with pytest.raises(NoteError):
        sign("text\n", NAME, PUBLIC[:31], KEY.sign)
    with pytest.raises(NoteError):
        sign("text\n", NAME, PUBLIC, lambda message: KEY.sign(message)[:63])


@pytest.mark.parametrize("junk", [None, 7, b"text\n\n", ["text"]], ids=repr)
def test_what_is_no_text_is_no_note(junk: Junk) -> None:
    with pytest.raises(NoteError):
        open_note(junk, KNOWN)
