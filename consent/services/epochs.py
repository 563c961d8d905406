"""Turning the epoch of keys by schedule: soon after somebody's key was deleted, and not for nothing.

A turn makes every older backup of the keys useless, which is its purpose; so it writes a new one, and tries it, before
the old epoch dies (`vault.turn`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from consent.domain.entry import Action, Entry
from consent.domain.erasure import ErasureState
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.telling import facts_of, said
from consent.domain.terms import SubjectId
from consent.ports import StopList, Store
from consent.services.erasure_register import ErasureRegister
from consent.services.log import Log
from vault import EpochNotDestroyedError, KeyTree, Turned


class KeysMissingError(ConsentError):
    """People have no key, whom an older backup of the keys may still bring back: find it before the epoch turns."""


@dataclass(frozen=True, slots=True)
class Epochs:
    """The epochs of one installation.

    Attributes:
        every: at most one turn by schedule in so many seconds.
        backups: the folder for the new keys' backup; None writes none.
    """

    store: Store
    keys: KeyTree
    log: Log
    register: ErasureRegister
    stops: StopList
    clock: Callable[[], datetime]
    every: int
    backups: Path | None

    def due(self) -> bool:
        """Say whether a key was deleted in the live epoch, and the last turn was long enough ago."""
        with self.store.reading() as unit:
            self.register.follow(unit)
        deleted = [e for e in self.register.open_ones() if e.state is ErasureState.KEY_DELETED]
        rested = self.clock().timestamp() >= self.register.turned_at + self.every
        return rested and any(erasure.epoch >= self.keys.epoch for erasure in deleted)

    def keyless(self) -> list[SubjectId]:
        """Return the people, not blocked, whom the records know and who have no key, in order."""
        with self.store.reading() as unit:
            people = {patient.subject for patient in unit.patients.everyone() if not patient.blocked}
        return sorted(SubjectId(subject) for subject in self.keys.keyless(people))

    def require_keys(self) -> None:
        """Raise `KeysMissingError` where a turn now would let the keys of people die for good.

        They came after the backup that was restored. The turn by schedule does not ask: an erasure has its day.
        """
        if missing := len(self.keyless()):
            raise KeysMissingError(
                f"people without a key: {missing}; a turn makes every older keys backup useless: restore the newest of"
                " this epoch first, or, where there is none, turn with --give-up-lost-keys"
            )

    def turn(self) -> Turned:
        """Turn the epoch now, with every key; raises what `vault.KeyTree.turn` raises."""
        with self._noting():
            return self.keys.turn(backup=self.backups)

    def turn_for_patients_only(self) -> Turned:
        """Turn the epoch and leave behind every key whose patient the records do not know; nobody writes meanwhile.

        After a restore those are keys of people who enrolled later: once gone, no newer backup brings them back.
        """
        with self._noting(), self.store.begin() as unit:
            keep = {patient.subject for patient in unit.patients.everyone()}
            return self.keys.turn(keep=keep, backup=self.backups)

    def settle(self) -> bool:
        """Destroy what earlier turns left of dead epochs' keys; say whether there was any.

        Raises `EpochNotDestroyedError` while some of it may be left.
        """
        left = bool(self.keys.undestroyed)
        if left:
            self.keys.settle()
        return left

    def note_unlogged(self) -> bool:
        """Write a turn into the log after whose end the process died before it could; say whether there was one."""
        with self.store.reading() as unit:
            told = [said(entry) or {} for entry in unit.log.saying({Action.KEYS})]
        epochs = [facts_of(body).get("epoch") for body in told if body.get("verdict") == "TURNED"]
        logged = max((epoch for epoch in epochs if isinstance(epoch, int)), default=1)
        if logged >= self.keys.epoch:
            return False
        self._note()
        return True

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Write a turn into the log; one that left a copy of the dead epoch's key somewhere is a turn too."""
        before = self.keys.epoch
        try:
            yield
        except EpochNotDestroyedError:
            if self.keys.epoch > before:
                self._note()
            raise
        self._note()

    def _note(self) -> None:
        facts: dict[str, Json] = {
            "epoch": self.keys.epoch,
            "live_keys": len(self.keys.subjects()),
            "marks": self.stops.state().head.lines,
        }
        with self.store.begin() as unit:
            entry = Entry(int(self.clock().timestamp()), "operator", Action.KEYS, "TURNED", facts=facts)
            self.log.append(unit, [entry])
