"""What the log says of studies: which were approved and how, which of them ask people since when, which were closed.

    {"action": "approve", "verdict": "APPROVED", "study": …, "facts": {"definition": …, "text": …, "recruiting": false}}
    {"action": "approve", "verdict": "RECRUITING", "study": …, "facts": {"definition": …, "text": …}}

`APPROVED` and `CHANGED` alone approve a definition. What else is told of a study, such as a refusal, approves nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.telling import facts_of

APPROVED, CHANGED = "APPROVED", "CHANGED"
"""Verdicts of the entries that approve what a study says."""
RECRUITING: Final = "RECRUITING"
"""The verdict of the entry from which on people are asked, of a study that was approved without asking anybody yet."""
RESOLVED, REFUSED = "RESOLVED", "REFUSED"
"""Verdicts of what a person decided of a draft: a purpose that no machine decides is one after all; or, no."""
CLOSED: Final = "CLOSED"
"""The verdict of the entry that closes a study, for good."""


@dataclass(frozen=True, slots=True)
class StudyRequest:
    """What a study asks of people: its number from 1 on, since when in Unix seconds, and the SHA-256 of its text, hex.

    The hash is empty where the entry is of a version that did not write it.
    """

    number: int
    since: int
    text_hash: str


@dataclass(slots=True)
class StudyActs:
    """Takes one entry after the other.

    Attributes:
        approved: SHA-256 of each study's definition, hex, as approved last.
        closed: studies that were closed.
        waiting: studies that were approved and do not ask anybody yet.
        since: when each study was approved first, Unix seconds.
        requests: what each study asked, the oldest first.
        size: index of the entry from which on nothing was taken up yet.
    """

    approved: dict[str, str] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    since: dict[str, int] = field(default_factory=dict)
    requests: dict[str, tuple[StudyRequest, ...]] = field(default_factory=dict)
    size: int = 0

    @property
    def recruiting(self) -> frozenset[str]:
        """Return the studies that ask people."""
        return frozenset(self.approved.keys() - self.closed - self.waiting)

    def requests_of(self, study: str) -> Sequence[StudyRequest]:
        """Return what a study asked of people, the oldest first; nothing where it never did."""
        return self.requests.get(study, ())

    def copied(self) -> "StudyActs":
        """Return the same, to go on with."""
        sets = dict(self.approved), set(self.closed), set(self.waiting)
        return StudyActs(*sets, dict(self.since), dict(self.requests), self.size)

    def take(self, index: int, body: Mapping[str, Any]) -> None:
        """Take up one entry with the action `approve`; one that was taken up before says nothing new."""
        if index < self.size:
            return
        self.size = index + 1
        verdict, study, facts = body.get("verdict"), str(body.get("study", "")), facts_of(body)
        time = body.get("time")
        said = StudyRequest(0, time if type(time) is int else 0, str(facts.get("text", "")))
        if verdict == APPROVED:
            self._approve(study, facts, said)
        elif verdict == CHANGED:
            self._change(study, facts, said)
        elif verdict == RECRUITING and study in self.waiting:
            self.waiting.discard(study)
            self._ask(study, said)
        elif verdict == CLOSED:
            self.closed.add(study)

    def _approve(self, study: str, facts: Mapping[str, Any], said: StudyRequest) -> None:
        self.approved[study] = _definition(facts)
        self.since.setdefault(study, said.since)
        if facts.get("recruiting", True) is not True:  # entries of before this was written ask at once
            self.waiting.add(study)
        elif study not in self.waiting:
            self._ask(study, said)

    def _change(self, study: str, facts: Mapping[str, Any], said: StudyRequest) -> None:
        """Take a change up; where it is another text, people are asked anew."""
        self.approved[study] = _definition(facts)
        asked = self.requests.get(study)
        if asked and (not said.text_hash or asked[-1].text_hash != said.text_hash):
            self._ask(study, said)

    def _ask(self, study: str, said: StudyRequest) -> None:
        asked = self.requests.get(study, ())
        self.requests[study] = (*asked, StudyRequest(len(asked) + 1, said.since, said.text_hash))


def _definition(facts: Mapping[str, Any]) -> str:
    return str(facts.get("definition", ""))
