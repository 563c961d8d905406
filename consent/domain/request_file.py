"""A request with what authorises it, as it goes from hand to hand: one JSON object in one file.

    {"version": 1, "request": {"action": "erase", "subject": "<32 hex>", "origin": "consentry/…",
     "requested": 1800000000, "nonce": "<32 hex>"},
     "patient": "<128 hex>" or null, "operators": [{"operator": "privacy-office", "signature": "<128 hex>"}, …]}

`patient` is the enrolment key's EIP-2098 signature; each operator's is Ed25519. A file has one kind or the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from consent.domain.grant import SIGNATURE_BYTES
from consent.domain.hashing import Json
from consent.domain.operator_change import ChangeAction, OperatorChange, require_operator_name
from consent.domain.subject_request import InvalidRequestError, SubjectRequest, is_action, require_fields, require_hex

_DIGITS: Final = 2 * SIGNATURE_BYTES
_MOST_APPROVALS: Final = 16


@dataclass(frozen=True, slots=True)
class PatientSignature:
    """The enrolment key's signature over a `SubjectRequest`: 64 bytes, EIP-2098."""

    signature: bytes

    def __post_init__(self) -> None:
        require_hex("signature", self.signature.hex(), _DIGITS)


@dataclass(frozen=True, slots=True)
class OperatorApprovals:
    """Operators' Ed25519 signatures, 64 bytes each, beside their names; each operator has one."""

    approvals: tuple[tuple[str, bytes], ...] = ()

    def __post_init__(self) -> None:
        for operator, signature in self.approvals:
            require_operator_name(operator)
            require_hex("signature", signature.hex(), _DIGITS)
        if len({operator for operator, _ in self.approvals}) != len(self.approvals):
            raise InvalidRequestError("an operator approves a request once")
        if len(self.approvals) > _MOST_APPROVALS:
            raise InvalidRequestError(f"a request has at most {_MOST_APPROVALS} approvals")


Authorisation = PatientSignature | OperatorApprovals


@dataclass(frozen=True, slots=True)
class RequestFile:
    """A request and what authorises it so far."""

    request: SubjectRequest | OperatorChange
    authorisation: Authorisation = OperatorApprovals()

    def __post_init__(self) -> None:
        if isinstance(self.request, OperatorChange) and isinstance(self.authorisation, PatientSignature):
            raise InvalidRequestError("a change of operators is approved by operators")

    def approved(self, operator: str, signature: bytes) -> Self:
        """Return the file with one more approval, or with a new one in the place of the same operator's.

        Raises `InvalidRequestError` where there can be none.
        """
        if isinstance(self.authorisation, PatientSignature):
            raise InvalidRequestError("the patient signed this request: it needs no operator")
        others = [one for one in self.authorisation.approvals if one[0] != operator]
        approvals = (*others, (operator, signature))
        return replace(self, authorisation=OperatorApprovals(approvals))

    def to_json(self) -> dict[str, Json]:
        """Return the file as JSON values."""
        patient, operators = None, list[Json]()
        if isinstance(self.authorisation, PatientSignature):
            patient = self.authorisation.signature.hex()
        else:
            approvals = self.authorisation.approvals
            operators = [{"operator": name, "signature": signature.hex()} for name, signature in approvals]
        return {"version": 1, "request": self.request.to_json(), "patient": patient, "operators": operators}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read a file back; raise `InvalidRequestError` on anything but what `to_json` writes."""
        fields = require_fields(value, ("version", "request", "patient", "operators"))
        if type(fields["version"]) is not int or fields["version"] != 1:
            raise InvalidRequestError("a request's version is 1")
        patient, approvals = fields["patient"], _approvals(fields["operators"])
        request = _request(fields["request"])
        if patient is None:
            return cls(request, OperatorApprovals(approvals))
        if approvals:
            raise InvalidRequestError("a request is signed by the patient or by operators, not by both")
        return cls(request, PatientSignature(bytes.fromhex(require_hex("signature", patient, _DIGITS))))


def _request(value: Json) -> SubjectRequest | OperatorChange:
    action = value.get("action") if isinstance(value, Mapping) else None
    return OperatorChange.from_json(value) if is_action(ChangeAction, action) else SubjectRequest.from_json(value)


def _approvals(value: Json) -> tuple[tuple[str, bytes], ...]:
    if not isinstance(value, list):
        raise InvalidRequestError("a request's operators are a list")
    read = [require_fields(member, ("operator", "signature")) for member in value]
    return tuple([(_name(one), bytes.fromhex(require_hex("signature", one["signature"], _DIGITS))) for one in read])


def _name(approval: Mapping[str, Json]) -> str:
    return require_operator_name(approval["operator"])
