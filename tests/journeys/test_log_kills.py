"""SIGKILL at random moments of a process that grants, stops, asks, appends and signs, over and over.

What is left is a log that begins as it did before, whose tree is that of its entries; whatever was acknowledged is in
it, and no row of any table tells of an act that it does not.
"""

import itertools
import json
import random
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consent.adapters.log_archive import LogArchiveFile
from consent.adapters.sql import SqlStore, open_records
from consent.domain.checkpoint import Checkpoint
from consent.domain.entry import Action, Entry
from consent.domain.merkle import consistency_of, leaf_hash, root_of, tree_root, verify_consistency
from consent.domain.note import unverified_text
from consent.domain.terms import SubjectId
from consent.ports import Unit
from consent.services.acts import read_acts
from consent.wiring import Places
from tests.databases import KINDS, databases_of, remove_home
from tests.journeys.killing import kill_at_random
from tests.journeys.surviving import built
from tests.journeys.test_random_kills import wallet_of
from tests.services.house import House, Template, identifier_of, received

FIRST = range(12)
LONGEST_LIFE = 1.0
"""Seconds after the child has opened the installation."""
KILLS = [5, pytest.param(100, marks=pytest.mark.soak)]
ACTS = ("grant", "stop", "prefer", "append", "append", "sign", "enrol")
MOST_GRANTS = 400


@dataclass(slots=True)
class Life:
    """Acts, and writes down what was acknowledged to it."""

    house: House
    notes: Path
    rng: random.Random
    granted: int = 0

    def act(self) -> None:
        """Do one thing."""
        acknowledged = getattr(self, f"_{self.rng.choice(ACTS)}")()
        with self.notes.open("a") as file:
            file.writelines(json.dumps(one) + "\n" for one in acknowledged)

    def _grant(self) -> list[dict[str, Any]]:
        subject = self.rng.choice(self.house.people)
        self.granted += 1
        receipts = self.house.grant(subject) if self.granted < MOST_GRANTS else []
        return [{"index": receipt.index, "leaf": receipt.leaf} for receipt in receipts]

    def _stop(self) -> list[dict[str, Any]]:
        receipts = self.house.stop(self.rng.choice(self.house.people))
        return [{"index": receipt.index, "leaf": receipt.leaf} for receipt in receipts]

    def _prefer(self) -> list[dict[str, Any]]:
        whom, yes = [self.rng.choice(self.house.people)], self.rng.random() < 0.5
        self.house.open.preferences.prefer(whom, self.house.clock(), counted=yes)
        return []

    def _enrol(self) -> list[dict[str, Any]]:
        number = self.rng.randrange(10**9)
        self.house.open.records.deposit(received(number), self.house.clock())
        subject = self.house.open.records.subject_of(identifier_of(number))
        assert subject is not None
        key = wallet_of(subject).enrolment_key.address
        self.house.open.records.enrol_keys({subject: key}, self.house.clock())
        return [{"subject": subject, "key": key.hex()}]

    def _append(self) -> list[dict[str, Any]]:
        entries = [Entry(1, "operator", Action.LEDGER, "TRIED") for _ in range(self.rng.randrange(1, 40))]
        with self.house.open.store.begin() as unit:
            placed = self.house.open.log.append(unit, entries)
        return [{"index": one.index, "leaf": one.leaf.hex()} for one in placed]

    def _sign(self) -> list[dict[str, Any]]:
        with self.house.open.store.begin() as unit:
            note = self.house.open.log.checkpoint(unit)
        return [{"note": note}]


def live_until_killed(template: Template, notes: Path, ready: Path, seed: int) -> None:
    with House.without_ledger(template.home, template.wallets) as house:
        life = Life(house, notes, random.Random(seed))
        ready.touch()
        while True:
            life.act()


@dataclass(slots=True)
class Before:
    """What the log was as somebody looked last."""

    bodies: list[bytes] = field(default_factory=list)

    def check(self, home: Path, notes: list[dict[str, Any]]) -> None:
        """Look at the databases as the kill left them, which nothing has mended yet."""
        engine = open_records(Places(home, databases_of(home)).records)
        with SqlStore(engine).reading() as unit:
            bodies = [entry.body for entry in unit.log.entries()]
            leaves = [leaf_hash(body) for body in bodies]
            assert bodies[: len(self.bodies)] == self.bodies, "the log begins as it did"
            assert [entry.leaf for entry in unit.log.entries()] == leaves
            assert [json.loads(body)["index"] for body in bodies] == list(range(len(bodies)))
            assert unit.log.has_subtrees()
            assert root_of(len(leaves), unit.log.subtrees) == tree_root(leaves)
            _check_checkpoints(unit, leaves, notes)
            _check_acts(unit, leaves, notes)
        kept = list(LogArchiveFile(Places(home, databases_of(home)).log_archive).bodies())
        assert kept == bodies[: len(kept)]
        self.bodies = bodies
        engine.dispose()


def _check_checkpoints(unit: Unit, leaves: list[bytes], notes: list[dict[str, Any]]) -> None:
    """Whatever was signed is where this log began, and one that was acknowledged is there."""
    stored = [note for _, note in unit.log.checkpoints()]
    assert {told["note"] for told in notes if "note" in told} <= set(stored)
    signed = [Checkpoint.from_text(unverified_text(note)) for note in stored]
    for checkpoint in signed:
        assert checkpoint.root == tree_root(leaves[: checkpoint.size])
    for old, new in itertools.pairwise(signed):
        proof = consistency_of(old.size, new.size, unit.log.subtrees)
        verify_consistency(old.size, new.size, proof, old.root, new.root)


def _check_acts(unit: Unit, leaves: list[bytes], notes: list[dict[str, Any]]) -> None:
    """Nothing acknowledged is missing; nothing is done that the log does not tell."""
    for told in notes:
        if "index" in told:
            assert leaves[told["index"]].hex() == told["leaf"]
    acts = read_acts(unit.log)
    stored = list(unit.consents.everything())
    assert {consent.id for consent in stored} == set(acts.consents.values())
    assert {consent.id for consent in stored if consent.stopped} == acts.stopped
    assert {p.subject: p.enrolment for p in unit.patients.everyone() if p.enrolment} == acts.keys
    assert {SubjectId(told["subject"]) for told in notes if "subject" in told} <= acts.keys.keys()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kills", KILLS)
def test_a_log_that_was_being_written_is_whole_and_tells_of_all_that_was_done(
    tmp_path: Path, kind: str, kills: int
) -> None:
    home, notes, rng = tmp_path / "home", tmp_path / "notes", random.Random()
    template, before = built(home, FIRST, kind), Before()
    notes.touch()
    for _ in range(kills):
        kill_at_random(partial(live_until_killed, template, notes), notes.with_suffix(".ready"), rng, LONGEST_LIFE)
        before.check(home, [json.loads(line) for line in notes.read_text().splitlines()])
    with House.opened(home, template.wallets) as house, house.open.store.reading() as unit:
        assert house.open.stops.state().stopped == read_acts(unit.log).stopped
    assert len(before.bodies) > kills
    remove_home(home)
