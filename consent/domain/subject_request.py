"""Requests that only a patient, or two operators for them, can make.

They ask to be erased, to have all that is kept, or that a new enrolment key takes the place of theirs.

The patient signs EIP-712 typed data with the enrolment key, in the same domain as grants:

    SubjectRequest(string action,string subject,string origin,uint64 requested,bytes16 nonce)

Operators sign `consentry/request/v1`, a line feed, and the request's RFC 8785 JSON, with Ed25519 keys of their own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import Json, canonical_json
from consent.domain.note import is_key_name
from consent.domain.terms import SubjectId
from consent.domain.typed_data import REQUEST_TYPE, SigningDomain, hash_struct, hash_text, word

PREFIX: Final = b"consentry/request/v1\n"
LONGEST_AGE: Final = 30 * 24 * 3600
"""In seconds; an older request does not count."""
_WHOLE_BELOW: Final = 2**53
"""JSON's whole numbers are exact below this (RFC 8785)."""


class InvalidRequestError(ConsentError):
    """This is no request of version 1, or a field of it is malformed; have it made anew."""


class RequestAction(StrEnum):
    """What a patient asks for: to be erased, to have all of their records, or to have a new key."""

    ERASE = "erase"
    ACCESS = "access"
    REPLACE_KEY = "replace-key"


@dataclass(frozen=True, slots=True)
class SubjectRequest:
    """What is asked for one person. A malformed field raises `InvalidRequestError`.

    Attributes:
        action: what is asked for.
        subject: for whom, by SubjectId.
        origin: the name of the log of the installation that is asked, so that it counts in no other.
        requested: when, in Unix seconds.
        nonce: 16 random bytes as 32 hex digits: a request counts once.
    """

    action: RequestAction
    subject: SubjectId
    origin: str
    requested: int
    nonce: str

    def __post_init__(self) -> None:
        require_hex("subject", self.subject, 32)
        require_circumstances(self.origin, self.requested, self.nonce)

    def digest(self, domain: SigningDomain) -> bytes:
        """Return the 32 bytes that the patient's enrolment key signs."""
        texts = (hash_text(self.action.value), hash_text(self.subject), hash_text(self.origin))
        nonce = bytes.fromhex(self.nonce).ljust(32, b"\x00")  # bytes16 stands at the left of its word
        return domain.digest(hash_struct(REQUEST_TYPE, *texts, word(self.requested), nonce))

    def signed_bytes(self) -> bytes:
        """Return what an operator signs."""
        return PREFIX + canonical_json(self.to_json())

    def to_json(self) -> dict[str, Json]:
        """Return the request as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: Json) -> "SubjectRequest":
        """Read a request back; raise `InvalidRequestError` on anything but what `to_json` writes."""
        return cls(**fields_with_action(value, cls.__slots__, RequestAction))


def untimely(requested: int, now: int) -> str:
    """Return why a request of the Unix second `requested` does not count at `now`, empty where it does."""
    if requested > now:
        return "the request is dated in the future: compare the clocks, and bring it again later"
    if now - requested > LONGEST_AGE:
        return "the request is older than 30 days: have a new one made"
    return ""


def is_action(actions: type[StrEnum], value: Json) -> bool:
    """Say whether `value` spells one of `actions`."""
    return isinstance(value, str) and value in set(actions)


def require_fields(value: Json, names: tuple[str, ...]) -> Mapping[str, Json]:
    """Return an object of exactly these fields; raise `InvalidRequestError`."""
    if not isinstance(value, Mapping) or set(value) != set(names):
        raise InvalidRequestError("a request of version 1 has exactly the published fields")
    return value


def fields_with_action(value: Json, names: tuple[str, ...], actions: type[StrEnum]) -> dict[str, Any]:
    """Return an object's fields, the one named `action` as one of `actions`; raise `InvalidRequestError`.

    Of the others nothing is known but their names: whoever is made of them checks their kinds.
    """
    fields = require_fields(value, names)
    if not is_action(actions, fields["action"]):
        raise InvalidRequestError(f"the action asked for is {' or '.join(actions)}")
    return {**fields, "action": actions(str(fields["action"]))}


def require_hex(name: str, text: object, digits: int) -> str:
    """Return `text` where it is so many lower-case hex digits; raise `InvalidRequestError` otherwise."""
    if not isinstance(text, str) or not re.fullmatch(f"[0-9a-f]{{{digits}}}", text):
        raise InvalidRequestError(f"a request's {name} is {digits} lower-case hex digits")
    return text


def require_circumstances(origin: object, requested: object, nonce: object) -> None:
    """Raise `InvalidRequestError` unless these name a log, a time and a nonce."""
    if not is_key_name(origin):
        raise InvalidRequestError("a request's origin is the name of a log, printable, without spaces and plus signs")
    if type(requested) is not int or not 0 <= requested < _WHOLE_BELOW:
        raise InvalidRequestError("a request's time is in Unix seconds")
    require_hex("nonce", nonce, 32)
