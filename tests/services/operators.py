"""Operators for tests, with keys drawn from their names."""

import hashlib
import secrets
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.adapters.signing import OperatorKey
from consent.domain.operator_change import ChangeAction, OperatorChange
from consent.domain.request_file import OperatorApprovals
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import SubjectId
from consent.services.authorising import Authorising
from consent.services.operators import Operators
from consent.signatures import recover, verifies
from tests.services.house import House

FIRST, SECOND, THIRD, STRANGER = "privacy-office", "records-office", "third-office", "stranger"
NOBODY: Final = OperatorApprovals()


def key_of(name: str) -> OperatorKey:
    """Return the key of an operator."""
    return OperatorKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def approvals(request: SubjectRequest | OperatorChange, *names: str) -> OperatorApprovals:
    """Return these operators' signatures."""
    return OperatorApprovals(tuple((name, key_of(name).sign(request.signed_bytes())) for name in names))


def operators(house: House) -> Operators:
    """Return the register of an installation."""
    return Operators(house.open.store, house.open.log, verifies)


def authorising(house: House) -> Authorising:
    """Return the judge of requests to an installation."""
    return Authorising(house.open.log.origin, house.open.domain, recover, verifies)


def change(house: House, name: str, action: ChangeAction = ChangeAction.ADD, ahead: int = 0) -> OperatorChange:
    """Return the change that adds or removes an operator, asked for now or so many seconds later."""
    now, nonce = int(house.clock().timestamp()) + ahead, secrets.token_hex(16)
    return OperatorChange(action, name, key_of(name).public_key.hex(), house.open.log.origin, now, nonce)


def request(house: House, subject: SubjectId, action: RequestAction = RequestAction.ERASE) -> SubjectRequest:
    """Return a person's request, made now."""
    now, nonce = int(house.clock().timestamp()), secrets.token_hex(16)
    return SubjectRequest(action, subject, house.open.log.origin, now, nonce)


def registered(house: House, *names: str) -> None:
    """Register operators, each approved by the first."""
    for name in names:
        asked = change(house, name)
        operators(house).change(asked, approvals(asked, FIRST), house.clock())
