"""Receipts: what a patient keeps, signed by the log key, to show later that something was acknowledged.

The signed bytes are `consentry/receipt/v1`, a line feed, and the RFC 8785 JSON of the receipt without its signature.
The signature is Ed25519 (RFC 8032), 64 bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import Json, canonical_json
from consent.domain.terms import SubjectId

PREFIX: Final = b"consentry/receipt/v1\n"
_HEX_DIGITS: Final = {"commitment": (0, 64), "patient": (0, 40), "leaf": (64,), "signature": (0, 128)}
_OPTIONAL: Final = "attested"
_WHOLE_BELOW: Final = 2**53
"""JSON's whole numbers are exact below this (RFC 8785)."""


class InvalidReceiptError(ConsentError):
    """This is not a receipt of version 1; use the file as it was handed out."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The installation's word that it stored an act of a patient.

    Attributes:
        origin: the log's name.
        action: `grant`, `stop` or `erase`.
        subject: the patient's SubjectId.
        commitment: of the consent concerned, 64 hex digits; empty for an erasure.
        patient: the address concerned, 40 hex digits; empty for an erasure.
        by: who acted: `patient` or `operator`.
        time: Unix seconds.
        index: the entry's place in the log.
        leaf: the entry's leaf hash, 64 hex digits.
        attested: of a final erasure, what is attested and what that rests on; the field is left out where empty.
        signature: Ed25519 by the log key, 128 hex digits.
    """

    origin: str
    action: str
    subject: SubjectId
    commitment: str
    patient: str
    by: str
    time: int
    index: int
    leaf: str
    signature: str = ""
    attested: str = ""

    def signed_bytes(self) -> bytes:
        """Return what the log key signs."""
        return PREFIX + canonical_json({k: v for k, v in self.to_json().items() if k != "signature"})

    def to_json(self) -> dict[str, Json]:
        """Return the receipt as JSON values."""
        value: dict[str, Json] = {name: getattr(self, name) for name in self.__slots__}
        return value if self.attested else {name: member for name, member in value.items() if name != _OPTIONAL}

    @classmethod
    def from_json(cls, value: Json) -> "Receipt":
        """Read a receipt back; raise `InvalidReceiptError` on missing, unknown or wrongly typed fields."""
        if not isinstance(value, Mapping) or {*value, _OPTIONAL} != set(cls.__slots__) or value.get(_OPTIONAL) == "":
            raise InvalidReceiptError("a receipt of version 1 has exactly the published fields")
        for name, member in value.items():
            if not _is_sound(name, member):
                raise InvalidReceiptError(f"the receipt's field {name} is of the wrong kind")
        return cls(**value)  # type: ignore[arg-type]  # names and kinds were checked above


def _is_sound(name: str, member: object) -> bool:
    if name in {"time", "index"}:
        return type(member) is int and 0 <= member < _WHOLE_BELOW
    if not isinstance(member, str):
        return False
    return name not in _HEX_DIGITS or (len(member) in _HEX_DIGITS[name] and not member.strip("0123456789abcdef"))
