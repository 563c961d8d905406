"""What must stay in a browser: its secrets are caught, and looked for in everything that it sent."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from itertools import pairwise
from typing import Final
from urllib.parse import unquote_to_bytes

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from playwright.sync_api import BrowserContext

from consent.domain import crockford
from consent.domain.typed_data import Address
from consent.services.portal.enrolling import Slot
from tests.browser.conftest import Seen

PART: Final = 9
"""Bytes that no two random texts share; as base64 they are twelve characters, wherever in a longer text they begin."""
_CATCH: Final = """
for (const name of ["create", "get"]) {
  const ask = navigator.credentials[name].bind(navigator.credentials);
  navigator.credentials[name] = async (options) => {
    const credential = await ask(options);
    const first = credential.getClientExtensionResults().prf?.results?.first;
    if (first) await keep(Array.from(new Uint8Array(first)));
    return credential;
  };
}
"""


def caught(context: BrowserContext) -> list[bytes]:
    """Catch what a browser's passkeys give to the page alone (WebAuthn, PRF extension)."""
    found: list[bytes] = []
    context.expose_function("keep", lambda values: found.append(bytes(values)))
    context.add_init_script(_CATCH)
    return found


def secret_of(code: str) -> bytes:
    """Return the 16 bytes of a recovery code: its first 26 characters, less the check."""
    return crockford.read(code.replace("-", "")[:26], 26).to_bytes(16, "big")


def seed_in(slot: Slot, code: str, enrolment: Address) -> bytes:
    """Return a wallet's seed, opened with its recovery code."""
    salt, nonce, sealed = (bytes.fromhex(text) for text in (slot.salt, slot.nonce, slot.ciphertext))
    key = HKDF(SHA256(), 32, salt, b"consentry/slot/recovery/v1").derive(secret_of(code))
    return AESGCM(key).decrypt(nonce, sealed, f"consentry/slot/v1|recovery|{enrolment.hex()}".encode())


def sent(seen: Seen) -> bytes:
    """Return the addresses, headers and bodies of all requests."""
    parts = [
        part
        for one in seen.requests
        for part in (
            one.url.encode(),
            unquote_to_bytes(one.url),
            repr(one.headers).encode(),
            one.post_data_buffer or b"",
            unquote_to_bytes(one.post_data_buffer or b""),
        )
    ]
    return b"\n".join(parts)


def traces(secret: bytes, text: bytes) -> list[bytes]:
    """Return what of a secret stands in a text: nine bytes of it or more, as they are, or as programs write bytes."""
    parts = [secret[start : start + PART] for start in range(len(secret) - PART + 1)]
    return [form for part in parts for form in _forms(part) if form in text]


def typed_traces(code: str, text: bytes) -> list[str]:
    """Return what of a code stands in a text: two groups of it or more, in any case."""
    pairs = [hyphen.join(pair) for pair in pairwise(code.split("-")) for hyphen in ("", "-", " ")]
    return [pair for pair in pairs if pair.lower().encode() in text.lower()]


def _forms(part: bytes) -> Iterator[bytes]:
    yield part
    yield part.hex().encode()
    yield part.hex().upper().encode()
    yield b64encode(part)
    yield urlsafe_b64encode(part)
    yield from (separator.join(map(str, part)).encode() for separator in (",", ", "))
