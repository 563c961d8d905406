"""SIGKILL at random moments of a process that imports, grants, stops, erases and turns the epoch, over and over.

What was acknowledged is noted outside the installation, before and after each act. What was begun and never
acknowledged may have been done or not; whatever else is true of it, is checked after every kill.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from consent.demo.wallets import Wallet
from consent.domain.terms import SubjectId
from consent.services.erasure import AlreadyErasedError
from tests.databases import KINDS, remove_home
from tests.journeys.killing import kill_at_random
from tests.journeys.surviving import assert_all_agree, built, contents, finish, opened, states
from tests.services.house import House, Template, identifier_of, received

FIRST = range(12)
LONGEST_LIFE = 2.0
"""Seconds after the child has opened the installation."""
KILLS = [3, pytest.param(100, marks=pytest.mark.soak)]
MOST_GRANTS = 500
"""The registry takes 512 of the custodian's stops a day: with more consents than that erasures wait for tomorrow."""
ACTS = ("deposit", "deposit", "change", "grant", "grant", "grant", "stop", "anchor", "erase", "house", "house", "turn")


@dataclass(slots=True)
class Told:
    """What the notes say: of each act, by number of the person, whether it was begun and whether acknowledged.

    Attributes:
        begun: numbers of people whom an import was begun of.
        imported: their last acknowledged creatinine.
        levels: every creatinine that was ever on its way.
        grants: how many were begun, of whomever.
        stopped, asked: numbers of those who certainly did so; `asking` of those who may have.
    """

    begun: set[int] = field(default_factory=set)
    imported: dict[int, float] = field(default_factory=dict)
    levels: dict[int, list[float]] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    asked: set[int] = field(default_factory=set)
    asking: set[int] = field(default_factory=set)
    acts: int = 0
    grants: int = 0

    def take(self, act: str, number: int, level: float, *, done: bool) -> None:
        """Take up one note."""
        self.acts += done
        self.grants += act == "grant" and not done
        if act in {"deposit", "change"}:
            self.begun.add(number)
            self.levels.setdefault(number, [])
            if done:
                self.imported[number], self.levels[number] = level, [level]
            else:
                self.levels[number].append(level)
        elif act == "stop" and done:
            self.stopped.add(number)
        elif act == "erase":
            (self.asked if done else self.asking).add(number)

    @classmethod
    def read(cls, notes: Path) -> "Told":
        """Read all notes; a last line that was torn was not written yet."""
        told = cls()
        for line in notes.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                act, number, level, done = json.loads(line)
                told.take(act, number, level, done=done)
        return told


@dataclass(slots=True)
class Life:
    """One process's life: it acts at random until it is killed."""

    house: House
    notes: Path
    rng: random.Random
    numbers: dict[int, SubjectId] = field(default_factory=dict)
    grants: int = 0

    def begin(self) -> None:
        """See who is there."""
        told = Told.read(self.notes)
        self.grants = told.grants
        numbers = [*FIRST, *sorted(told.begun - set(FIRST))]
        found = self.house.open.records.subjects_of([identifier_of(number) for number in numbers])
        for number in numbers:
            if identifier_of(number) in found:
                self._meet(number, found[identifier_of(number)])

    def act(self) -> None:
        """Do one thing, noted before it and after."""
        act = self.rng.choice(ACTS)
        alive = [number for number in self.numbers if not self._blocked(number)]
        number = self.rng.choice(alive) if alive else 0
        if act == "deposit":
            number = max([*self.numbers, *FIRST, *Told.read(self.notes).begun]) + 1
        if act == "erase" and len(alive) < len(FIRST):
            return
        level = round(self.rng.uniform(0.6, 3), 3)
        self._note(act, number, level, done=False)
        if getattr(self, f"_{act}")(number, level) is not False:
            self._note(act, number, level, done=True)

    def _note(self, act: str, number: int, level: float, *, done: bool) -> None:
        with self.notes.open("a") as file:
            file.write(json.dumps([act, number, level, done]) + "\n")

    def _blocked(self, number: int) -> bool:
        return self.numbers[number] in self.house.open.book.blocked

    def _meet(self, number: int, subject: SubjectId) -> None:
        self.numbers[number] = subject
        self.house.wallets.setdefault(subject, wallet_of(subject))

    def _deposit(self, number: int, level: float) -> None:
        self.house.open.records.deposit(received(number, creatinine=level), self.house.clock())
        subject = self.house.open.records.subject_of(identifier_of(number))
        assert subject is not None
        self._meet(number, subject)
        self.house.open.records.enrol_keys({subject: wallet_of(subject).enrolment_key.address}, self.house.clock())

    def _change(self, number: int, level: float) -> None:
        self.house.open.records.deposit(received(number, creatinine=level), self.house.clock())

    def _grant(self, number: int, _level: float) -> bool:
        subject, self.grants = self.numbers[number], self.grants + 1
        # A kill may have come between import and enrolment.
        if subject not in self.house.open.book.enrolments or self.grants > MOST_GRANTS:
            return False
        self.house.grant(subject)
        return True

    def _stop(self, number: int, _level: float) -> bool:
        return bool(self.house.stop(self.numbers[number]))

    def _anchor(self, _number: int, _level: float) -> None:
        self.house.anchor()

    def _erase(self, number: int, _level: float) -> bool:
        subject = self.numbers[number]
        if subject not in self.house.open.book.enrolments:
            return False
        try:
            self.house.open.erasures.request(self.house.ask(subject))
        except AlreadyErasedError:
            return False
        return True

    def _house(self, _number: int, _level: float) -> None:
        self.house.open.keep_house()

    def _turn(self, _number: int, _level: float) -> None:
        self.house.turn_epoch()


def wallet_of(subject: SubjectId) -> Wallet:
    """Return the wallet that every process knows to be this person's."""
    return Wallet(subject, hashlib.sha256(subject.encode()).digest())


def live_until_killed(template: Template, notes: Path, ready: Path, seed: int) -> None:
    """Act for ever, in this process."""
    with opened(template.home, dict(template.wallets)) as house:
        life = Life(house, notes, random.Random(seed))
        life.begin()
        ready.touch()
        while True:
            life.act()


def check_what_is_left(home: Path, told: Told) -> None:
    """Open what is left; check it against the notes."""
    with opened(home, {}) as house:
        assert_all_agree(house)
        found = {number: house.open.records.subject_of(identifier_of(number)) for number in told.begun | set(FIRST)}
        living = {number: s for number, s in found.items() if s is not None and s not in house.open.book.blocked}
        assert told.imported.keys() - told.asking <= living.keys()
        assert not told.asked & living.keys()
        bytes_of = contents(house, list(living.values()))
        for number, subject in living.items():
            assert bytes_of[subject] in list(_possible(told, number)), f"person {number} lost or gained a record"
        for subject in {s for s in found.values() if s is not None} - set(living.values()):
            assert "BLOCKED" in states(house, subject)
            assert house.verdict(subject) == "BLOCKED"


def _possible(told: Told, number: int) -> Iterator[list[bytes]]:
    """Yield what a person's records may hold: as last acknowledged, or as was on its way since."""
    levels: list[float | None] = list(told.levels.get(number, []))
    for level in [*levels, *([None] if number in FIRST else [])]:
        yield sorted(resource.content for resource in received(number, creatinine=level))


def see_everything_through(template: Template, told: Told) -> None:
    """Bring all erasures to their end; then live keys are those of live patients, and the erased stay away."""
    home = template.home
    with opened(home, dict(template.wallets)) as house:
        for subject in sorted(s for s in house.open.book.blocked if states(house, s)[-1] != "FINAL"):
            house.wallets.setdefault(subject, wallet_of(subject))
            finish(house, subject, house.ask(subject))
        house.open.epochs.turn_for_patients_only()
    with opened(home, {}) as house:
        assert_all_agree(house)
        assert not house.open.replayed
        with house.open.store.reading() as unit:
            assert house.open.keys.subjects() == [patient.subject for patient in unit.patients.everyone()]
        for number in sorted(told.asked):
            assert house.open.records.subject_of(identifier_of(number)) is None
            again = house.open.records.deposit(received(number), house.clock())
            assert (again.subjects, again.erased) == (frozenset(), 3)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_process_loses_nothing_acknowledged_and_brings_nobody_back(
    tmp_path: Path, kind: str, kills: int
) -> None:
    home, notes, rng = tmp_path / "home", tmp_path / "notes", random.Random()
    template = built(home, FIRST, kind)
    notes.touch()
    for _ in range(kills):
        kill_at_random(partial(live_until_killed, template, notes), notes.with_suffix(".ready"), rng, LONGEST_LIFE)
        check_what_is_left(home, Told.read(notes))
    told = Told.read(notes)
    assert told.acts > kills
    see_everything_through(template, told)
    remove_home(home)
