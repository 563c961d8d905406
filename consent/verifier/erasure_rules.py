"""Erasures go through their states in order, and each rests on a request that the person or two operators signed.

    BLOCKED, BLOCKED_RETAINED, KEY_DELETED     each behind what is before it; KEY_DELETED behind a signed REQUESTED
    EPOCH_TURNED, FINAL                        behind KEY_DELETED and EPOCH_TURNED; FINAL not before its `final_at`

Whoever could delete keys of people who never asked could make their accesses uncheckable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.key_history import OPERATORS_NEEDED
from consent.domain.request_file import OperatorApprovals
from consent.domain.subject_request import InvalidRequestError, RequestAction, SubjectRequest, untimely
from consent.domain.telling import facts_of
from consent.domain.terms import SubjectId
from consent.domain.typed_data import SigningDomain
from consent.signatures import recover
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, Rule, number
from consent.verifier.key_rules import KeyRules

NAME: Final = "erasures"
_BEHIND: Final = {
    "BLOCKED_RETAINED": "BLOCKED",
    "KEY_DELETED": "BLOCKED",
    "EPOCH_TURNED": "KEY_DELETED",
    "FINAL": "EPOCH_TURNED",
}


@dataclass(slots=True)
class ErasureRules:
    """Takes up entries of action `erase`."""

    keys: KeyRules
    origin: str
    domain: SigningDomain
    _reached: dict[str, set[str]] = field(default_factory=dict)
    _final_at: dict[str, int] = field(default_factory=dict)
    _rule: Rule = field(default_factory=lambda: Rule(NAME))

    def take(self, entry: ShownEntry) -> None:
        """Take up a step of an erasure."""
        told = entry.told
        subject, state = str(told.get("subject", "")), str(told.get("verdict", ""))
        reached = self._reached.setdefault(subject, set())
        before = _BEHIND.get(state)
        if before is not None and before not in reached:
            self._rule.fail(entry.item, f"{state} stands without {before} before it")
        if state == "KEY_DELETED" and "AUTHORISED" not in reached:
            self._rule.fail(entry.item, "neither the person nor two operators had signed a request to erase them")
        if state == "FINAL" and told["time"] < self._final_at.get(subject, 0):
            self._rule.fail(entry.item, "it is dated before the day from which no copy is left")
        if state == "REQUESTED" and self._is_authorised(told, subject):
            reached.add("AUTHORISED")
        if state == "EPOCH_TURNED":
            final_at = facts_of(told).get("final_at")
            self._final_at[subject] = final_at if type(final_at) is int else 0
        reached.add(state)

    def _is_authorised(self, told: Mapping[str, Any], subject: str) -> bool:
        facts = facts_of(told)
        try:
            request = SubjectRequest(
                RequestAction.ERASE, SubjectId(subject), self.origin, facts["requested"], facts["nonce"]
            )
            if untimely(request.requested, told["time"]):
                return False
            if "patient" in facts:
                key = self.keys.history.newest(request.subject)
                signer = recover(request.digest(self.domain), bytes.fromhex(facts["patient"]))
                return key is not None and signer == key
            approvals = OperatorApprovals(tuple((str(name), bytes.fromhex(sig)) for name, sig in facts["approvals"]))
        except (InvalidRequestError, KeyError, TypeError, ValueError):
            return False
        return len(self.keys.register.approvers(request.signed_bytes(), approvals)) >= OPERATORS_NEEDED

    def finding(self) -> Finding:
        """Return what came of it."""
        counts = [
            sum(state in reached for reached in self._reached.values()) for state in ("BLOCKED", "KEY_DELETED", "FINAL")
        ]
        blocked, deleted, final = counts
        people = number(blocked, "person", "people")
        return self._rule.finding(f"{people} blocked, {number(deleted, 'key')} deleted, {final:,} final")
