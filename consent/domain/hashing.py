"""The hashes of the domain, and the one canonical form of JSON that is hashed.

SHA-256 (FIPS 180-4), Keccak-256 as Ethereum uses it (the original padding, not FIPS 202's SHA3-256), and JSON
Canonicalization (RFC 8785).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

import rfc8785
from eth_hash.auto import keccak as _keccak

from consent.domain.errors import ConsentError

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

HASH_BYTES = 32

_PLAIN: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
"""Of what `_is_plain` allows it writes the very same bytes as `rfc8785`, in a tenth of the time."""
_WHOLE_BELOW: Final = 2**53


class NotCanonicalError(ConsentError):
    """A value has no canonical JSON (not a number, an integer beyond 2^53, a lone surrogate); send plain values."""


def sha256(message: bytes) -> bytes:
    """Return the 32-byte SHA-256 of `message`."""
    return hashlib.sha256(message).digest()


def keccak(message: bytes) -> bytes:
    """Return the 32-byte Keccak-256 of `message`."""
    digest: bytes = _keccak(message)
    return digest


def canonical_json(value: Json) -> bytes:
    """Return the RFC 8785 form of `value` as UTF-8; raise `NotCanonicalError` where there is none."""
    try:
        return _PLAIN.encode(value).encode() if _is_plain(value) else rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonicalError("this value has no canonical JSON form (RFC 8785)") from error


def _is_plain(value: object) -> bool:
    """Say whether only names are left to sort: no number with a fraction, no name whose order UTF-16 would change.

    It runs for every entry of the log, so texts, which most members are, cost no call.
    """
    if isinstance(value, str):
        return True
    kind = type(value)
    if kind is dict and isinstance(value, dict):
        for name, member in value.items():
            if type(name) is not str or not name.isascii() or not (type(member) is str or _is_plain(member)):
                return False
        return True
    if kind is list and isinstance(value, list):
        return all(map(_is_plain, value))
    if kind is int and isinstance(value, int):
        return -_WHOLE_BELOW < value < _WHOLE_BELOW
    return value is None or isinstance(value, bool)
