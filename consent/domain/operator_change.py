"""Who may speak for the installation: operators, each with an Ed25519 key of their own, added and removed in the log.

The first two are added freely; each later one, and each removal, needs the signature of one who is registered, over
the same bytes as for a `SubjectRequest`: `consentry/request/v1`, a line feed, and the change's RFC 8785 JSON.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from consent.domain.hashing import Json, canonical_json
from consent.domain.subject_request import (
    PREFIX,
    InvalidRequestError,
    fields_with_action,
    require_circumstances,
    require_hex,
)

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def require_operator_name(name: object) -> str:
    """Return a name that an operator can have: up to 40 of a-z, 0-9 and inner hyphens; a role's, not a person's.

    Raises `InvalidRequestError`.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequestError(
            "an operator's name is 1 to 40 of a-z, 0-9 and hyphens: name the role, not the person"
        )
    return name


class ChangeAction(StrEnum):
    """What becomes of an operator."""

    ADD = "add-operator"
    REMOVE = "remove-operator"


@dataclass(frozen=True, slots=True)
class OperatorChange:
    """The change that a registered operator approves. A malformed field raises `InvalidRequestError`.

    Attributes:
        action: what becomes of the operator.
        operator: the operator's name.
        key: the operator's Ed25519 public key, 64 hex digits.
        origin: the log in which the change counts.
        requested: when, in Unix seconds.
        nonce: 16 random bytes as 32 hex digits: a change counts once.
    """

    action: ChangeAction
    operator: str
    key: str
    origin: str
    requested: int
    nonce: str

    def __post_init__(self) -> None:
        require_operator_name(self.operator)
        require_hex("key", self.key, 64)
        require_circumstances(self.origin, self.requested, self.nonce)

    def signed_bytes(self) -> bytes:
        """Return what an operator signs."""
        return PREFIX + canonical_json(self.to_json())

    def to_json(self) -> dict[str, Json]:
        """Return the change as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: Json) -> "OperatorChange":
        """Read a change back; raise `InvalidRequestError` on anything but what `to_json` writes."""
        return cls(**fields_with_action(value, cls.__slots__, ChangeAction))
