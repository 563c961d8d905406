"""Which enrolment key counted when: every change of one is rightful, and dated in the order in which it stands.

Whoever holds the log key could else write that somebody had asked three days ago for a new key, and let nobody wait.
"""

from dataclasses import dataclass, field
from typing import Final

from consent.domain.entry import Action, PlacedEntry
from consent.domain.key_history import CHANGES, KeyHistory, KeyJudge
from consent.domain.operators import Register
from consent.domain.terms import SubjectId
from consent.domain.typed_data import SigningDomain
from consent.signatures import recover, verifies
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, Rule, number
from consent.verifier.policy import LogTrust

NAME: Final = "keys.history"
_BEARING: Final = frozenset({Action.ENROL, Action.OPERATOR, Action.ERASE})


def key_history(trust: LogTrust, domain: SigningDomain) -> KeyHistory:
    """Return an empty history that believes what any of the policy's log keys signed."""

    def signed(key: bytes, message: bytes, signature: bytes) -> bool:
        keys = trust.keys if key == trust.keys[0] else (key,)
        return any(verifies(one, message, signature) for one in keys)

    return KeyHistory(KeyJudge(trust.origin, trust.keys[0], domain, recover, signed))


@dataclass(slots=True)
class KeyRules:
    """Takes every entry up; `clocks_differ` in seconds.

    Attributes:
        history: which key counted from where on.
        register: the operators, as they add up.
    """

    history: KeyHistory
    register: Register
    clocks_differ: int
    keys: int = 0
    _latest: int = 0
    _changed: int = 0
    _rule: Rule = field(default_factory=lambda: Rule(NAME))

    def take(self, entry: ShownEntry) -> None:
        """Take up what an entry says of keys, and when."""
        told = entry.told
        action, time = told["action"], told["time"]
        change = action == Action.ENROL and told.get("verdict") in CHANGES
        if time < (self._latest if change else self._changed) - self.clocks_differ:
            self._rule.fail(entry.item, "it is dated before a change of a key, or is one that is dated back")
        self._latest = max(self._latest, time)
        if change:
            self._changed = max(self._changed, time)
        if action in _BEARING:
            self._take_up(entry, change=change)

    def _take_up(self, entry: ShownEntry, *, change: bool) -> None:
        placed = PlacedEntry(entry.index, entry.body, entry.leaf)
        first = entry.told["action"] == Action.ENROL and entry.told.get("verdict") == "KEY"
        if first and self.history.newest(SubjectId(str(entry.told.get("subject", "")))) is not None:
            self._rule.fail(entry.item, "it gives a first key to somebody who has one")
        self.history.take(placed, entry.told)
        if entry.told["action"] == Action.OPERATOR:
            self.register.take(placed)
        self.keys += change or first
        if self.history.ignored:
            self._rule.fail(f"entry {self.history.ignored[0]}", "it changes a key that nobody may change so")

    def finding(self) -> Finding:
        """Return what came of it."""
        return self._rule.finding(f"{number(self.keys, 'entry', 'entries')} about enrolment keys, each as it may be")
