"""What a bundle's entries said up to one of them, as far as rules about later ones rest on it."""

from dataclasses import dataclass, field
from typing import Final

from consent.domain.entry import Action
from consent.domain.study_acts import StudyActs
from consent.verifier.entries import ShownEntry

COUNTED, NOT_COUNTED = "COUNTED", "NOT_COUNTED"
COUNTING: Final = "count"
"""The operation of an access that counts: it rests on the preference to be counted and on no consent."""


@dataclass(slots=True)
class Story:
    """Takes one entry after the other.

    Attributes:
        studies: which studies were approved, and closed.
        stopped: index of the entry that stopped each consent first.
        blocked: index of the entry from which on nobody's records may be read, by person.
        deleted: people whose key was deleted.
        erased: people whose erasure is final.
        counted: people who allow being counted.
        ended: when each consent was stopped first, and each person blocked, Unix seconds.
        latest: the latest date of an entry, Unix seconds.
    """

    studies: StudyActs = field(default_factory=StudyActs)
    stopped: dict[str, int] = field(default_factory=dict)
    blocked: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)
    ended: dict[str, int] = field(default_factory=dict)
    latest: int = 0

    def take(self, entry: ShownEntry) -> None:
        """Take up what an entry says."""
        told = entry.told
        self.latest = max(self.latest, told["time"])
        action, verdict, subject = told["action"], told.get("verdict"), str(told.get("subject", ""))
        if action == Action.APPROVE:
            self.studies.take(entry.index, told)
        elif action == Action.STOP and verdict == "STOPPED":
            self.stopped.setdefault(str(told.get("consent", "")), entry.index)
            self.ended.setdefault(str(told.get("consent", "")), told["time"])
        elif action == Action.PREFER and verdict in {COUNTED, NOT_COUNTED}:
            (self.counted.add if verdict == COUNTED else self.counted.discard)(subject)
        elif action == Action.ERASE and verdict == "BLOCKED":
            self.blocked.setdefault(subject, entry.index)
            self.ended.setdefault(subject, told["time"])
        elif action == Action.ERASE and verdict == "KEY_DELETED":
            self.deleted.add(subject)
        elif action == Action.ERASE and verdict == "FINAL":
            self.erased.add(subject)

    def is_open(self, study: str) -> bool:
        """Say whether a study was approved and not closed."""
        return study in self.studies.approved and study not in self.studies.closed
