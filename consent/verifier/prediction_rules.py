"""Each prediction rests on a permitted reading just before it, on a consent, and on a model that was in service.

    {"action": "read", "operation": "predict", "verdict": "PERMIT", "actor": A, "subject": S, "study": T, …}
    {"action": "predict", "verdict": "PREDICTED", "actor": A, "subject": S, "study": T, "consent": C,
     "facts": {"release": 2, "model": "<64 hex>", …}, …}

Between the two others may write. A reading serves one prediction, at most `clocks_differ` seconds later. An entry
before it released the model under that study and number, and none since withdrew it; that the chain has it so, is
`chain.models`.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.released_models import ReleasedModels, release_of
from consent.domain.terms import Operation
from consent.verifier.access_rules import AccessRules, was_revoked
from consent.verifier.chain_checks import NO_CHAIN, ToldChain
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, Rule, number

NAME: Final = "predictions"
Asked = tuple[Any, ...]


@dataclass(slots=True)
class PredictionRules:
    """Takes up readings for predictions, and predictions."""

    access: AccessRules
    chain: ToldChain
    models: ReleasedModels
    predictions: int = 0
    _readings: dict[Asked, int] = field(default_factory=dict)
    _rule: Rule = field(default_factory=lambda: Rule(NAME))

    def read(self, entry: ShownEntry) -> None:
        """Take up a permitted reading for a prediction."""
        self._readings[_asked(entry)] = entry.told["time"]

    def predicted(self, entry: ShownEntry) -> None:
        """Check a prediction that was made."""
        self.predictions += 1
        wrong = self._unread(entry) or self._uncovered(entry) or self._unserved(entry)
        if wrong:
            self._rule.fail(entry.item, wrong)

    def _unread(self, entry: ShownEntry) -> str:
        read = self._readings.pop(_asked(entry), None)
        if read is None or not -1 <= entry.told["time"] - read <= self.access.clocks_differ:
            return "no reading was permitted for it just before"
        return ""

    def _uncovered(self, entry: ShownEntry) -> str:
        told, story = entry.told, self.access.story
        if told.get("operation") != Operation.PREDICT:
            return "it says that something else was done"
        consent = str(told.get("consent", ""))
        if consent in story.stopped or told.get("subject") in story.blocked:
            return "its consent was stopped, or its person blocked, before it"
        known = self.access.consents.known.get(consent)
        if known is None:
            return self.access.refusal(entry)
        time = self.access.time_of(entry)
        late = was_revoked(self.chain.standing(known.key), time - self.access.clocks_differ)
        ended = time >= known.expires
        return "its consent had run out, or was revoked on the chain" if ended or late else self.access.refusal(entry)

    def _unserved(self, entry: ShownEntry) -> str:
        release = release_of(entry.told)
        if release is not None and self.models.is_active(release):
            return ""
        return "no entry before it released its model under this number, or one withdrew it"

    def finding(self) -> Finding:
        """Return what came of it."""
        if self.chain.trust is None and self.predictions:
            self._rule.why_open = f"{NO_CHAIN}, so nobody confirms that consents were granted there"
        return self._rule.finding(
            f"{number(self.predictions, 'prediction')}, each of a permitted reading and by a model in service then"
        )


def _asked(entry: ShownEntry) -> Asked:
    told = entry.told
    return told["actor"], told.get("subject"), told.get("study")
