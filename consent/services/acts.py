"""What the log says that people did. Columns that say the same are a convenience; where they differ, the log counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consent.domain.entry import PERMIT, Action, PlacedEntry
from consent.domain.key_history import KeyHistory, KeyJudge
from consent.domain.study_acts import StudyActs
from consent.domain.telling import facts_of, said
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import AuditLog

COUNTED, NOT_COUNTED = "COUNTED", "NOT_COUNTED"
"""Verdicts of a person's preference to be counted; the newest stands, and who said nothing is not counted."""
COUNTING = "count"
"""The operation of an access that counts: it rests on the preference to be counted and on no consent."""
AUDITING = "audit"
"""The operation of an access to what a person signed, by somebody who audits; no record is opened for it."""
UNDONE = frozenset({"EXPIRED_UNPUBLISHED", "REJECTED_BY_LEDGER"})
"""Verdicts of grants that were acknowledged and never came on the ledger."""
BEARING_ON_KEYS = (Action.ENROL, Action.OPERATOR, Action.ERASE)
"""Actions of which `KeyHistory` takes up what bears on keys."""


@dataclass(frozen=True, slots=True)
class Acts:
    """The acts that decisions rest on.

    Attributes:
        keys: each subject's enrolment key in force.
        history: which key of each counted from where on.
        stopped: ids of stopped consents.
        whose: the subject of each of those.
        blocked: subjects who asked to be erased.
        shredded: subjects whose key was deleted.
        buried: subjects of whom the records keep nothing, since the epoch of their key is dead.
        erased: subjects whose erasure is final.
        marks: how many lines the stop list had at the least, when the epoch turned last.
        size: how many entries were read.
        expired: ids of consents that ran out, as far as the log tells.
        undone: ids of consents that were acknowledged and never came on the ledger.
        consents: id of the consent that a grant's entry is about, by index.
        stops: index of the entry that stopped a consent first.
        counted: subjects who allow being counted.
        ignored: indices of reads that were permitted after a stop or a block, or that counted who did not allow it.
        studies: which studies were approved, ask people, and were closed.
        releases: study and number of each release that became active.
    """

    keys: Mapping[SubjectId, Address]
    history: KeyHistory
    stopped: frozenset[str]
    whose: Mapping[str, SubjectId]
    blocked: frozenset[SubjectId]
    shredded: frozenset[SubjectId]
    buried: frozenset[SubjectId]
    erased: frozenset[SubjectId]
    marks: int
    size: int
    expired: frozenset[str]
    undone: frozenset[str]
    consents: Mapping[int, str]
    stops: Mapping[str, int]
    counted: frozenset[SubjectId]
    ignored: tuple[int, ...]
    studies: StudyActs
    releases: tuple[tuple[str, int], ...]

    @property
    def approved(self) -> Mapping[str, str]:
        """SHA-256 of each study's definition, hex, as approved last."""
        return self.studies.approved

    @property
    def closed(self) -> frozenset[str]:
        """Studies that were closed."""
        return frozenset(self.studies.closed)

    @property
    def waiting(self) -> frozenset[str]:
        """Studies that were approved and do not ask anybody yet."""
        return frozenset(self.studies.waiting)


def read_acts(log: AuditLog, *only: Action, judge: KeyJudge | None = None) -> Acts:
    """Read the log from its first entry; entries that are not JSON objects say nothing.

    Where some actions are named, entries of others are passed over, which is several times faster.
    Without a `judge` no enrolment key takes the place of another.
    """
    acts = _Reading(judge)
    for entry in log.saying(only) if only else log.entries():
        acts.size = entry.index + 1
        if (body := said(entry)) is not None:
            acts.take(entry, body)
    return acts.read()


class _Reading:
    """Takes one entry after the other."""

    def __init__(self, judge: KeyJudge | None) -> None:
        self.history = KeyHistory(judge)
        self.whose: dict[str, SubjectId] = {}
        self.blocked: set[SubjectId] = set()
        self.shredded: set[SubjectId] = set()
        self.buried: set[SubjectId] = set()
        self.erased: set[SubjectId] = set()
        self.marks = 0
        self.size = 0
        self.expired: set[str] = set()
        self.undone: set[str] = set()
        self.consents: dict[int, str] = {}
        self.stops: dict[str, int] = {}
        self.counted: set[SubjectId] = set()
        self.ignored: list[int] = []
        self.studies = StudyActs()
        self.releases: list[tuple[str, int]] = []

    def take(self, entry: PlacedEntry, body: Mapping[str, Any]) -> None:
        """Take up what one entry says."""
        index = entry.index
        if body.get("action") in BEARING_ON_KEYS:
            self.history.take(entry, body)
        action, verdict = body.get("action"), str(body.get("verdict", ""))
        subject, consent = SubjectId(str(body.get("subject", ""))), str(body.get("consent", ""))
        if action == Action.GRANT:
            self._grant(index, consent, verdict)
        elif (action, verdict) == (Action.STOP, "STOPPED"):
            self.whose[consent] = subject
            self.stops.setdefault(consent, index)
        elif (action, verdict) == (Action.READ, PERMIT):
            counts = body.get("operation") == COUNTING
            if consent in self.whose or subject in self.blocked or (counts and subject not in self.counted):
                self.ignored.append(index)
        elif action == Action.EXPIRE:
            self.expired.add(consent)
        elif action == Action.PREFER and verdict in {COUNTED, NOT_COUNTED}:
            (self.counted.add if verdict == COUNTED else self.counted.discard)(subject)
        elif action == Action.KEYS:
            self._turned(facts_of(body).get("marks"))
        elif action == Action.ERASE:
            self._erase(subject, verdict)
        else:
            self._study(index, body)

    def _grant(self, index: int, consent: str, verdict: str) -> None:
        if verdict in UNDONE:
            self.undone.add(consent)
        else:
            self.consents[index] = consent

    def _erase(self, subject: SubjectId, verdict: str) -> None:
        for reached, subjects in (
            ("BLOCKED", self.blocked),
            ("KEY_DELETED", self.shredded),
            ("EPOCH_TURNED", self.buried),
            ("FINAL", self.erased),
        ):
            if verdict == reached:
                subjects.add(subject)

    def _study(self, index: int, body: Mapping[str, Any]) -> None:
        if body.get("action") == Action.APPROVE:
            self.studies.take(index, body)
        elif (body.get("action"), body.get("verdict")) == (Action.RELEASE, "ACTIVE"):
            number = facts_of(body).get("release")
            self.releases.append((str(body.get("study", "")), number if isinstance(number, int) else 0))

    def _turned(self, marks: object) -> None:
        self.marks = max(self.marks, marks if isinstance(marks, int) else 0)

    def read(self) -> Acts:
        """Return all that was taken up."""
        return Acts(
            keys=self.history.everyones(),
            history=self.history,
            stopped=frozenset(self.whose),
            whose=self.whose,
            blocked=frozenset(self.blocked),
            shredded=frozenset(self.shredded),
            buried=frozenset(self.buried),
            erased=frozenset(self.erased),
            marks=self.marks,
            size=self.size,
            expired=frozenset(self.expired),
            undone=frozenset(self.undone),
            consents=self.consents,
            stops=self.stops,
            counted=frozenset(self.counted - self.blocked),
            ignored=tuple(self.ignored),
            studies=self.studies,
            releases=tuple(self.releases),
        )
