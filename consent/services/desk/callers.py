"""Who asks at the researchers' door: a role, what that role may do, and for which study.

Scopes are OAuth 2's (RFC 6749, section 3.3). Most count within one study only, and a token is for one study at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from consent.domain.errors import ConsentError


class Role(StrEnum):
    """Who somebody is here. Clients are researchers or clinicians, staff are operators or auditors."""

    RESEARCHER = "researcher"
    CLINICIAN = "clinician"
    AUDITOR = "auditor"
    OPERATOR = "operator"


class Scope(StrEnum):
    """What a token may be used for."""

    STUDIES = "studies"
    COUNTS = "counts"
    TRAIN = "train"
    MODELS = "models"
    PREDICT = "predict"
    AUDIT = "audit"
    OPERATE = "operate"


class TokenKind(StrEnum):
    """Where a token came from, which says how long it may last and what it may ask for."""

    ACCESS = "access"
    PERSONAL = "personal"
    STAFF = "staff"


CLIENT_ROLES: Final = frozenset({Role.RESEARCHER, Role.CLINICIAN})
STAFF_ROLES: Final = frozenset({Role.AUDITOR, Role.OPERATOR})
SCOPES_OF: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.RESEARCHER: frozenset({Scope.STUDIES, Scope.COUNTS, Scope.TRAIN, Scope.MODELS}),
    Role.CLINICIAN: frozenset({Scope.PREDICT, Scope.MODELS}),
    Role.AUDITOR: frozenset({Scope.AUDIT, Scope.MODELS}),
    Role.OPERATOR: frozenset({Scope.OPERATE, Scope.AUDIT, Scope.MODELS}),
}
"""All that each role may ask for."""
STUDY_BOUND: Final = frozenset({Scope.COUNTS, Scope.TRAIN, Scope.MODELS, Scope.PREDICT})
"""What a client's token can do within its study only; staff's tokens have no study and see all."""


class TokenInvalidError(ConsentError):
    """This token lets nobody in: it is unknown, was revoked, or what it rests on was; ask for a new one."""


class TokenExpiredError(ConsentError):
    """This token has run out; ask for a new one."""


class TokenRefusedError(ConsentError):
    """No token is issued for this; `reason` says why, and says nothing about who is registered here.

    Attributes:
        reason: `assertion`, `assertion-replayed`, `study-not-approved` or `scope`; of a personal token also
            `not-allowed` to whoever may have none, `too-many` and `seconds`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason: Final = reason


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as their token said at this moment: look anew at each request.

    Attributes:
        holder: a client's id, or the name of a member of the staff.
        role: who they are.
        study: the one study that the token is for; None of staff, and of a client that only writes drafts.
        scopes: what the token may be used for.
        expires: Unix seconds.
        token: the token's public id, 16 characters; empty where a browser's session stands in for one.
        kind: where the token came from.
    """

    holder: str
    role: Role
    study: str | None
    scopes: frozenset[Scope]
    expires: int
    token: str
    kind: TokenKind

    @property
    def actor(self) -> str:
        """What the log calls them; a researcher whose token has no study is `researcher:` and the client's id."""
        if self.role is Role.CLINICIAN:
            return f"treating:{self.holder}"
        if self.role is Role.RESEARCHER:
            return f"study:{self.study}" if self.study else f"researcher:{self.holder}"
        return self.role.value
