"""Erasures go through their states in order, and each rests on a request that the person or two operators signed.

    BLOCKED, BLOCKED_RETAINED, KEY_DELETED     each behind what is before it; KEY_DELETED behind a signed REQUESTED
    EPOCH_TURNED, FINAL                        behind KEY_DELETED and EPOCH_TURNED; FINAL not before its `final_at`

Whoever could delete keys of people who never asked could make their accesses uncheckable.
"""

from dataclasses import dataclass, field
from typing import Final

from consent.domain.subject_request import RequestAction
from consent.domain.telling import facts_of
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, Rule, number
from consent.verifier.requests import Requests

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

    requests: Requests
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
        if state == "REQUESTED" and self.requests.authorise(entry, RequestAction.ERASE):
            reached.add("AUTHORISED")
        if state == "EPOCH_TURNED":
            final_at = facts_of(told).get("final_at")
            self._final_at[subject] = final_at if type(final_at) is int else 0
        reached.add(state)

    def finding(self) -> Finding:
        """Return what came of it."""
        counts = [
            sum(state in reached for reached in self._reached.values()) for state in ("BLOCKED", "KEY_DELETED", "FINAL")
        ]
        blocked, deleted, final = counts
        people = number(blocked, "person", "people")
        return self._rule.finding(f"{people} blocked, {number(deleted, 'key')} deleted, {final:,} final")
