"""Requests that only a person, or two operators for them, can make: each is signed, of its day, and counts once.

An entry that rests on one has in its facts what was asked and who signed it:

    {"requested": 1800000000, "nonce": "<32 hex>", "patient": "<128 hex>"}
    {"requested": 1800000000, "nonce": "<32 hex>", "approvals": [["privacy-office", "<128 hex>"], …]}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consent.domain.key_history import OPERATORS_NEEDED
from consent.domain.request_file import OperatorApprovals
from consent.domain.subject_request import InvalidRequestError, RequestAction, SubjectRequest, untimely
from consent.domain.telling import facts_of
from consent.domain.terms import SubjectId
from consent.domain.typed_data import SigningDomain
from consent.signatures import recover
from consent.verifier.entries import ShownEntry
from consent.verifier.key_rules import KeyRules


@dataclass(slots=True)
class Requests:
    """Judges the requests to the log `origin`, whose patients sign in `domain`, by the keys that count so far."""

    keys: KeyRules
    origin: str
    domain: SigningDomain
    _used: set[str] = field(default_factory=set)

    def authorise(self, entry: ShownEntry, action: RequestAction) -> bool:
        """Say whether an entry rests on a signed request for this, which is used up then."""
        facts, told = facts_of(entry.told), entry.told
        try:
            request = SubjectRequest(
                action, SubjectId(str(told.get("subject", ""))), self.origin, facts["requested"], facts["nonce"]
            )
            signed = self._is_signed(request, facts)
        except (InvalidRequestError, KeyError, TypeError, ValueError):
            return False
        if not signed or request.nonce in self._used or untimely(request.requested, told["time"]):
            return False
        self._used.add(request.nonce)
        return True

    def _is_signed(self, request: SubjectRequest, facts: Mapping[str, Any]) -> bool:
        if "patient" in facts:
            key = self.keys.history.newest(request.subject)
            return key is not None and recover(request.digest(self.domain), bytes.fromhex(facts["patient"])) == key
        approvals = OperatorApprovals(tuple((str(name), bytes.fromhex(sig)) for name, sig in facts["approvals"]))
        return len(self.keys.register.approvers(request.signed_bytes(), approvals)) >= OPERATORS_NEEDED
