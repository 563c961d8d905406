"""Signed notes (C2SP signed-note): a text, an empty line, and one line for each signature over the text.

    <text, ending in a line feed>

    — <key name> <base64 of 4-byte key id || signature>

Each signature line starts with an em dash (U+2014) and a space. A key id is the first four bytes of
SHA-256(key name || 0x0A || type || public key), where Ed25519 is type 0x01. Signing and verifying are passed in.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256

Verifier = Callable[[bytes, bytes], bool]
"""`verify(message, signature)`: whether a key signed the message; the signature has 64 bytes."""

ED25519: Final = 0x01
SIGNATURE_BYTES: Final = 64
_ID_BYTES: Final = 4
_KEY_BYTES: Final = 32
_DASH: Final = "\u2014 "


class NoteError(ConsentError):
    """The note is malformed or no key that you trust signed it; do not use its text."""


@dataclass(frozen=True, slots=True)
class _SignatureLine:
    name: str
    key_id: bytes
    signature: bytes


def key_id(name: str, algorithm: int, public_key: bytes) -> bytes:
    """Return the four bytes by which signature lines name a key; `algorithm` is one byte, `ED25519` here."""
    if not is_key_name(name):
        raise NoteError("a key name is printable text without spaces and plus signs")
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public_key)[:_ID_BYTES]


def is_key_name(name: object) -> bool:
    """Say whether `name` can name a key: not empty, printable, without Unicode spaces and plus signs."""
    return isinstance(name, str) and name != "" and name.isprintable() and not set(name) & {" ", "+"}


def sign(text: str, name: str, public_key: bytes, signer: Callable[[bytes], bytes]) -> str:
    """Return `text` as a note with one Ed25519 signature.

    `public_key` has 32 bytes; `signer` gets the text's UTF-8 and returns 64. `NoteError` where the text does not end
    in a line feed or holds other control characters, or a name or length is wrong.
    """
    _require_text(text)
    signature = signer(text.encode())
    if len(public_key) != _KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        raise NoteError("an Ed25519 key has 32 bytes and its signatures 64")
    line = base64.b64encode(key_id(name, ED25519, public_key) + signature).decode()
    return f"{text}\n{_DASH}{name} {line}\n"


def open_note(note: str, keys: Mapping[str, tuple[bytes, Verifier]]) -> tuple[str, frozenset[str]]:
    """Return the text of a note and the names of those of `keys` that signed it.

    `keys` maps names to a 32-byte Ed25519 public key and its verifier. Signatures of other keys are ignored.
    `NoteError` when the note is malformed, when a known key's signature is wrong, or when none of `keys` signed.
    """
    text, lines = _parted(note)
    known = {key_id(name, ED25519, public): (name, verify) for name, (public, verify) in keys.items()}
    signed = set[str]()
    for line in lines:
        name, verify = known.get(line.key_id, ("", None))
        if verify is None or name != line.name:
            continue
        if len(line.signature) != SIGNATURE_BYTES or not verify(text.encode(), line.signature):
            raise NoteError("a known key's signature does not fit the text: the note was altered")
        signed.add(name)
    if not signed:
        raise NoteError("no known key signed this note")
    return text, frozenset(signed)


def _parted(note: object) -> tuple[str, list[_SignatureLine]]:
    """Split at the last empty line: the text before it, which may hold others, and the signatures after it."""
    _require_text(note)
    text, empty_line, signatures = str(note).rpartition("\n\n")
    if not empty_line or not signatures:
        raise NoteError("a note is a text, an empty line and signature lines")
    _require_text(text + "\n")
    return text + "\n", [_signature_line(line) for line in signatures[:-1].split("\n")]


def _signature_line(line: str) -> _SignatureLine:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    content = from_base64(encoded)
    if not line.startswith(_DASH) or not is_key_name(name) or content is None or len(content) <= _ID_BYTES:
        raise NoteError("a signature line is an em dash, a key name and base64")
    return _SignatureLine(name, content[:_ID_BYTES], content[_ID_BYTES:])


def from_base64(text: str) -> bytes | None:
    """Return the bytes behind standard base64 (RFC 4648, section 4), or None unless `text` is their one spelling."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if base64.b64encode(content).decode() == text else None


def _require_text(text: object) -> None:
    if not isinstance(text, str) or not text.endswith("\n") or len(text) == 1:
        raise NoteError("a note's text ends in a line feed")
    if any(character < " " and character != "\n" for character in text) or not _is_unicode(text):
        raise NoteError("a note is UTF-8 without control characters other than line feeds")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def unverified_text(note: str) -> str:
    """Return what a note says, without checking who signed it: for notes of one's own keeping only."""
    return note.rpartition("\n\n")[0] + "\n"
