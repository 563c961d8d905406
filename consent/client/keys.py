"""A client's key, and the file that it lies in, readable by its owner alone.

    {"client": "kidney-team", "api": "https://api.example.org",
     "key": {"kty": "OKP", "crv": "Ed25519", "x": "…", "d": "…", "kid": "…"}}

The key is a private JWK (RFC 7517, RFC 8037). `public()` is what the operator registers; the file goes nowhere.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.client import jws
from consent.client.address import Address
from consent.client.errors import UsageError

ASSERTION_SECONDS: Final = 60
"""How long an assertion holds: it is sent at once. The API takes at most 300."""
_CLIENT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MEMBERS: Final = frozenset({"kty", "crv", "x", "d", "kid"})
_LARGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class ClientKey:
    """Who a program is to one API, and the Ed25519 key that shows it."""

    client: str
    api: str
    private: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if not _CLIENT.fullmatch(self.client):
            raise UsageError("a client's id is 1 to 63 lower-case letters, digits and hyphens")
        object.__setattr__(self, "api", Address.parse(self.api).origin)

    @classmethod
    def drawn(cls, client: str, api: str) -> "ClientKey":
        """Draw a new key."""
        return cls(client, api, Ed25519PrivateKey.generate())

    @property
    def kid(self) -> str:
        """The key's name (RFC 7638)."""
        return jws.thumbprint(self.public()["x"])

    def public(self) -> dict[str, str]:
        """Return the public JWK, for the operator."""
        x = jws.base64url(self.private.public_key().public_bytes_raw())
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": jws.thumbprint(x)}

    def assertion(self, audience: str, now: int) -> str:
        """Return what signs in, once and within a minute (RFC 7523, section 3); `audience` is the token endpoint."""
        header = {"alg": "EdDSA", "kid": self.kid, "typ": "JWT"}
        claims = {
            "iss": self.client,
            "sub": self.client,
            "aud": audience,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": secrets.token_hex(16),
        }
        return jws.compact(jws.packed(header), jws.packed(claims), self.private)

    def write(self, path: Path) -> None:
        """Write a new file that its owner alone may read; raise `UsageError` where one is there already."""
        key = self.public() | {"d": jws.base64url(self.private.private_bytes_raw())}
        text = json.dumps({"client": self.client, "api": self.api, "key": key}, indent=2)
        try:
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise UsageError("a file is there already, and keys are not written over: name a new one") from error
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")

    @classmethod
    def read(cls, path: Path | str) -> "ClientKey":
        """Read a key file; raise `UsageError` where it is none, or others than its owner may read it."""
        value = _object(_private_text(Path(path)))
        members = (value.get("client"), value.get("api"), value.get("key"))
        client, api, key = members
        if not (isinstance(client, str) and isinstance(api, str) and isinstance(key, dict)):
            raise UsageError("the key file has a client, an api and a key: ask for a new one, or name another")
        return cls(client, api, _private_key(key))


def _private_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise UsageError("others may read the key file: take that from them (chmod 600), or draw a new key")
            return file.read(_LARGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("the key file cannot be read: name the file that holds the client's key") from error


def _object(text: str) -> Mapping[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UsageError("the key file is no JSON object: name the file that holds the client's key")
    return value


def _private_key(jwk: Mapping[str, object]) -> Ed25519PrivateKey:
    """Read a private JWK (RFC 8037, section 2) whose two halves and name fit together."""
    d, x = jwk.get("d"), jwk.get("x")
    if set(jwk) <= _MEMBERS and (jwk.get("kty"), jwk.get("crv")) == ("OKP", "Ed25519") and isinstance(d, str):
        seed = jws.from_base64url(d)
        if seed is not None and len(seed) == 32:  # noqa: PLR2004  # RFC 8032, section 5.1.5
            key = Ed25519PrivateKey.from_private_bytes(seed)
            public = jws.base64url(key.public_key().public_bytes_raw())
            if x == public and jwk.get("kid", jws.thumbprint(public)) == jws.thumbprint(public):
                return key
    raise UsageError("the key in the key file is no whole Ed25519 key: ask the operator how to replace it")
