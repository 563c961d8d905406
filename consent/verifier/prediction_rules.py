"""Each prediction rests on a permitted reading just before it, on a consent, and on a model that was active then.

    {"action": "read", "operation": "predict", "verdict": "PERMIT", "actor": A, "subject": S, "study": T, …}
    {"action": "predict", "verdict": "PREDICTED", "actor": A, "subject": S, "study": T, "consent": C,
     "facts": {"release": 2, "model": "<64 hex>", …}, …}

Between the two others may write. A reading serves one prediction, at most `clocks_differ` seconds later. The model must
have been active on the chain at some second that lies at most `clocks_differ` from the prediction's, and be the one
that the log released under that number.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.telling import facts_of
from consent.verifier.access_rules import AccessRules, was_revoked
from consent.verifier.chain_checks import NO_CHAIN, ToldChain
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, Rule, number

NAME: Final = "predictions"
Asked = tuple[Any, ...]
Release = tuple[str, Any, str]
"""A study, a release's number, and its model's SHA-256 in hex."""


@dataclass(slots=True)
class PredictionRules:
    """Takes up readings for predictions, and predictions."""

    access: AccessRules
    chain: ToldChain
    released: set[Release] = field(default_factory=set)
    predictions: int = 0
    _readings: dict[Asked, int] = field(default_factory=dict)
    _told_of: dict[Release, int] = field(default_factory=dict)
    _rule: Rule = field(default_factory=lambda: Rule(NAME))

    def read(self, entry: ShownEntry) -> None:
        """Take up a permitted reading for a prediction."""
        self._readings[_asked(entry)] = entry.told["time"]

    def release(self, entry: ShownEntry) -> None:
        """Take up that the log released a model."""
        if entry.told.get("verdict") == "ACTIVE":
            self.released.add(_release(entry))

    def predicted(self, entry: ShownEntry) -> None:
        """Check a prediction that was made."""
        self.predictions += 1
        wrong = self._unread(entry) or self._uncovered(entry) or self._unserved(entry)
        if wrong:
            self._rule.fail(entry.item, wrong)
        self._told_of.setdefault(_release(entry), entry.index)

    def _unread(self, entry: ShownEntry) -> str:
        read = self._readings.pop(_asked(entry), None)
        if read is None or not -1 <= entry.told["time"] - read <= self.access.clocks_differ:
            return "no reading was permitted for it just before"
        return ""

    def _uncovered(self, entry: ShownEntry) -> str:
        told, story = entry.told, self.access.story
        consent = str(told.get("consent", ""))
        if consent in story.stopped or told.get("subject") in story.blocked:
            return "its consent was stopped, or its person blocked, before it"
        known = self.access.consents.known.get(consent)
        if known is None:
            return self.access.refusal(entry)
        late = was_revoked(self.chain.standing(known.key), told["time"] - self.access.clocks_differ)
        ended = told["time"] >= known.expires
        return "its consent had run out, or was revoked on the chain" if ended or late else self.access.refusal(entry)

    def _unserved(self, entry: ShownEntry) -> str:
        story = self.chain.models.get(_release(entry)[2])
        time, differ = entry.told["time"], self.access.clocks_differ
        active = story is not None and story.was_active(time - differ, time + differ)
        return "" if active else "its model was not active on the chain then"

    def finding(self) -> Finding:
        """Return what came of it."""
        for release, index in self._told_of.items():
            if release not in self.released:
                self._rule.fail(f"entry {index}", "the log released another model under this number, or none")
        if self.chain.trust is None and self.predictions:
            self._rule.why_open = f"{NO_CHAIN}, so nobody confirms which models were active"
        return self._rule.finding(
            f"{number(self.predictions, 'prediction')}, each of a permitted reading and by a model active then"
        )


def _asked(entry: ShownEntry) -> Asked:
    told = entry.told
    return told["actor"], told.get("subject"), told.get("study")


def _release(entry: ShownEntry) -> Release:
    facts = facts_of(entry.told)
    release = facts.get("release")
    return str(entry.told.get("study", "")), release if type(release) is int else None, str(facts.get("model", ""))
