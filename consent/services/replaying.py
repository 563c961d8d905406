"""After a restore: the log takes back what was signed, stop list and log are made one, and only then anything serves.

A backup knows nothing of what was stopped or erased after it was taken. The stop list does; it lies apart from the
databases. Whatever it holds and the log does not is done again, with an entry that says so. The other way round, a log
that holds a stop which the list lacks means that the list is an old copy: then nothing serves.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from consent.domain.entry import Action, Entry
from consent.domain.erasure import ErasureState
from consent.domain.hashing import Json
from consent.domain.key_history import KeyJudge
from consent.domain.stop_list import MarkKind, StopListError, StopState
from consent.domain.terms import SubjectId
from consent.ports import StopList, Store, Unit
from consent.services.acts import Acts, read_acts
from consent.services.log import Log
from consent.services.outbox import require_renewal
from vault import Vault

_REPLAYED: dict[str, Json] = {"replayed": 1}


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a restored installation was told again.

    Attributes:
        entries: that the log took back from its archive.
        stops: of consents.
        blocks: of people who had asked to be erased.
        shreds: of people whose key, or records, had come back.
        keys: enrolment keys that the log names and the records had lost.
    """

    entries: int = 0
    stops: int = 0
    blocks: int = 0
    shreds: int = 0
    keys: int = 0

    def __bool__(self) -> bool:
        return any((self.entries, self.stops, self.blocks, self.shreds, self.keys))


@dataclass(frozen=True, slots=True)
class Replaying:
    """Makes log and stop list one again."""

    store: Store
    vault: Vault
    log: Log
    stops: StopList
    clock: Callable[[], datetime]
    judge: KeyJudge | None = None

    def run(self) -> tuple[Replayed, Acts]:
        """Do again whatever is missing, in one transaction; nothing is written where nothing is.

        Returns what that was, and what the log said before it. Raises `StopListError` when the list is older than the
        log, `LogForkError`.
        """
        with self.store.reading() as unit:
            acts, state = read_acts(unit.log, judge=self.judge), self.stops.state()
            whole = self.log.archive.size() <= unit.log.size()
            if whole and not self._missing(unit, acts, state):
                return Replayed(), acts
        with self.store.begin() as unit:
            entries = self.log.take_back(unit)
            acts, state = read_acts(unit.log, judge=self.judge), self.stops.state()
            return self._replay(unit, acts, state, entries), acts

    def _missing(self, unit: Unit, acts: Acts, state: StopState) -> bool:
        _require_newer(acts, state)
        behind = state.stopped - acts.stopped or state.blocked - acts.blocked
        return bool(behind or self._returned(unit, acts, state) or self._lost_keys(unit, acts))

    def _replay(self, unit: Unit, acts: Acts, state: StopState, entries: int) -> Replayed:
        _require_newer(acts, state)
        stops = self._stop(unit, state.stopped - acts.stopped)
        blocks = self._block(unit, state.blocked - acts.blocked)
        returned = self._returned(unit, acts, state)
        for subject in sorted(returned):
            self._shred(unit, subject, acts)
        if entries or stops or blocks:
            require_renewal(unit, int(self.clock().timestamp()))
        keys = self._lost_keys(unit, acts)
        unit.patients.set_enrolment({subject: acts.keys[subject] for subject in keys})
        return Replayed(entries, stops, blocks, len(returned), len(keys))

    def _stop(self, unit: Unit, ids: AbstractSet[str]) -> int:
        """Stop consents again; the outbox is made anew from the book afterwards (`consent.services.renewal`)."""
        if ids:
            subjects = {mark.consent: mark.subject for mark in self.stops.marks() if mark.kind is MarkKind.STOP}
            unit.consents.stop(sorted(ids), {})
            self.log.append(unit, [self._entry(Action.STOP, "STOPPED", subjects[i], consent=i) for i in sorted(ids)])
        return len(ids)

    def _block(self, unit: Unit, subjects: AbstractSet[SubjectId]) -> int:
        for subject in sorted(subjects):
            unit.patients.block(subject)
            self.log.append(unit, [self._entry(Action.ERASE, ErasureState.BLOCKED, subject)])
        return len(subjects)

    def _returned(self, unit: Unit, acts: Acts, state: StopState) -> set[SubjectId]:
        """Return whose key was destroyed, or was to be, and of whom the databases hold something again."""
        if not state.shredded:
            return set()
        keyed = {SubjectId(subject) for subject in self.vault.keys.subjects() if subject in state.shredded}
        here = {p.subject for p in unit.patients.everyone() if p.subject in state.shredded}
        left = {SubjectId(subject) for subject in self.vault.among(unit.connection, state.shredded)}
        agreed = {subject for subject in here & acts.shredded if unit.consents.of_subject(subject)}
        return keyed | left | agreed | (here & acts.buried) | (here - acts.shredded)

    def _shred(self, unit: Unit, subject: SubjectId, acts: Acts) -> None:
        unit.consents.drop(subject)
        unit.accounts.forget(subject)
        unit.wishes.drop(subject)
        unit.reports.drop(subject)
        unit.replacements.drop(subject)
        unit.sessions.end_all(subject)
        self.vault.shred(unit.connection, [subject])
        if subject in acts.buried:
            unit.patients.remove([subject])
        elif subject not in acts.shredded:
            facts: dict[str, Json] = {**_REPLAYED, "epoch": self.vault.keys.epoch}
            self.log.append(unit, [self._entry(Action.ERASE, ErasureState.KEY_DELETED, subject, facts=facts)])

    def _lost_keys(self, unit: Unit, acts: Acts) -> set[SubjectId]:
        """Return whose column names no key, or one that another took the place of; any other was put in quietly."""
        return {
            p.subject
            for p in unit.patients.everyone()
            if p.subject in acts.keys and (p.enrolment is None or p.enrolment in acts.history.of(p.subject)[:-1])
        }

    def _entry(
        self, action: Action, verdict: str, subject: SubjectId, consent: str = "", facts: dict[str, Json] | None = None
    ) -> Entry:  # fmt: skip
        time = int(self.clock().timestamp())
        return Entry(time, "operator", action, verdict, subject, consent=consent, facts=facts or _REPLAYED)


def _require_newer(acts: Acts, state: StopState) -> None:
    if acts.stopped - state.stopped or acts.blocked - state.blocked or acts.marks > state.head.lines:
        raise StopListError("the stop list is older than the log: restore its newest copy, nothing serves till then")
