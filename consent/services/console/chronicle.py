"""What the log says of consents, erasures, studies and releases, with when: read once, then followed.

Entries of reads are passed over, which are nearly all of them. What people signed is not in it, so it may be shown to
whoever may read the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.entry import PERMIT, Action, PlacedEntry
from consent.domain.erasure import ErasureState
from consent.domain.study_acts import APPROVED, CHANGED, CLOSED
from consent.domain.telling import facts_of, said
from consent.domain.terms import SubjectId
from consent.ports import Unit
from consent.services.acts import UNDONE

_READ: Final = b'{"action":"read"'
_STATES: Final = frozenset(state.value for state in ErasureState)


@dataclass(frozen=True, slots=True)
class Given:
    """That a consent was given, as the log has it."""

    consent: str
    subject: SubjectId
    study: str
    index: int
    time: int
    categories: tuple[str, ...]
    private: str


@dataclass(frozen=True, slots=True)
class Told:
    """One entry that something rests on: its place, its time, who did it, and what it says."""

    index: int
    time: int
    actor: str
    verdict: str
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Chronicle:
    """Takes one entry after the other; taking one twice changes nothing.

    Attributes:
        given: each consent, the first given first.
        stopped: what stopped each consent first.
        undone: consents that never came on the ledger.
        erasing: each person's erasure, a line for each state.
        studies: what was decided of each study: approved, changed, closed.
        releases: each study's trainings, releases and retirements.
        certified: who certified the checkpoint of each size.
    """

    given: dict[str, Given] = field(default_factory=dict)
    stopped: dict[str, Told] = field(default_factory=dict)
    undone: dict[str, Told] = field(default_factory=dict)
    erasing: dict[SubjectId, dict[int, Told]] = field(default_factory=dict)
    studies: dict[str, dict[int, Told]] = field(default_factory=dict)
    releases: dict[str, dict[int, Told]] = field(default_factory=dict)
    certified: dict[int, Told] = field(default_factory=dict)
    _read: int = 0

    def follow(self, unit: Unit) -> None:
        """Take up what was written since; call it as a transaction begins."""
        for entry in unit.log.entries(self._read):
            if not entry.body.startswith(_READ) and (body := said(entry)) is not None:
                self._take(entry, body)
            self._read = entry.index + 1

    def blocked_at(self, subject: SubjectId) -> int | None:
        """Return the index of the entry from which on nobody reads a person's records, None where there is none."""
        lines = self.erasing.get(subject, {})
        return min((line.index for line in lines.values() if line.verdict == "BLOCKED"), default=None)

    def _take(self, entry: PlacedEntry, body: Mapping[str, Any]) -> None:
        action, verdict, study = body.get("action"), str(body.get("verdict", "")), str(body.get("study", ""))
        told = Told(entry.index, _whole(body.get("time")), str(body.get("actor", "")), verdict, facts_of(body))
        consent, subject = str(body.get("consent", "")), SubjectId(str(body.get("subject", "")))
        if action == Action.GRANT and verdict == PERMIT:
            self.given.setdefault(consent, _given(entry, body))
        elif action == Action.GRANT and verdict in UNDONE:
            self.undone.setdefault(consent, told)
        elif (action, verdict) == (Action.STOP, "STOPPED"):
            self.stopped.setdefault(consent, told)
        elif action == Action.ERASE and verdict in _STATES:
            self.erasing.setdefault(subject, {})[entry.index] = told
        elif action == Action.APPROVE and verdict in {APPROVED, CHANGED, CLOSED}:
            self.studies.setdefault(study, {})[entry.index] = told
        elif action in {Action.TRAIN, Action.RELEASE, Action.RETIRE}:
            self.releases.setdefault(study, {})[entry.index] = told
        elif action == Action.CERTIFY:
            self.certified[_whole(told.facts.get("size"))] = told


def _given(entry: PlacedEntry, body: Mapping[str, Any]) -> Given:
    names = body.get("categories", ())
    return Given(
        consent=str(body.get("consent", "")),
        subject=SubjectId(str(body.get("subject", ""))),
        study=str(body.get("study", "")),
        index=entry.index,
        time=_whole(body.get("time")),
        categories=tuple(map(str, names)) if isinstance(names, list) else (),
        private=str(body.get("private", "")),
    )


def _whole(value: object) -> int:
    return value if type(value) is int else 0
