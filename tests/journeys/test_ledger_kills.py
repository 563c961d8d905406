"""SIGKILL at random moments of the ledger's process, while another process goes on accepting grants and stops."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from consent import wiring
from consent.domain.history import Event, Granted, Revoked
from consent.domain.terms import SubjectId
from tests.anvil import Anvil
from tests.services.house import PASSPHRASE, House, Template, settings_of
from tests.services.node_house import NodeHouse

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
MOST_STOPS = 400
"""The registry takes 512 of the custodian's a day; what is over waits for the next."""
LONGEST_LIFE = 3.0
"""Seconds; the process runs its first step after about half of it."""


@dataclass(slots=True)
class LedgerProcess:
    """`consentry ledger HOME` as a child, started again after each kill."""

    home: Path
    environment: Mapping[str, str]
    child: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start the process."""
        (self.home / "operator" / "passphrase").write_bytes(PASSPHRASE + b"\n")
        self.child = subprocess.Popen(
            [sys.executable, "-m", "consent.cli", "ledger", str(self.home)],
            cwd=ROOT,
            env={**os.environ, "CONSENTRY_PUBLICATION_WINDOW": "0", **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self, how: signal.Signals) -> int:
        """Send a signal and wait until the process is gone; return its exit code."""
        assert self.child is not None
        assert self.child.poll() is None, "it had ended by itself"
        self.child.send_signal(how)
        return self.child.wait(timeout=PATIENCE)


@dataclass(slots=True)
class Patients:
    """People who grant and stop at random; what was acknowledged is remembered outside the installation."""

    house: House
    rng: random.Random
    granted: set[bytes]
    stopped: set[bytes]

    def act(self) -> None:
        """Let somebody grant or stop, and keep what the receipts say."""
        if self.rng.random() < 0.6 or len(self.stopped) > MOST_STOPS:
            self.grant()
            return
        subject = self.rng.choice(self.house.people)
        running = [entry.id for entry in self.house.open.book.entries(subject) if not entry.stopped]
        if running:
            chosen = self.rng.sample(running, self.rng.randint(1, len(running)))
            receipts = self.house.open.granting.stop(SubjectId(subject), chosen, self.house.clock())
            self.stopped |= {bytes.fromhex(receipt.commitment) for receipt in receipts}

    def grant(self) -> None:
        """Let a few people grant."""
        people = self.rng.sample(self.house.people, self.rng.randint(1, 3))
        self.granted |= {bytes.fromhex(receipt.commitment) for receipt in self.house.grant(*people)}

    def live(self, seconds: float) -> None:
        """Act for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.act()
            time.sleep(self.rng.uniform(0, 0.15))

    def waiting(self) -> int:
        """Return how much is on its way."""
        with self.house.open.store.reading() as unit:
            return unit.outbox.size()


def kill_again_and_again(process: LedgerProcess, patients: Patients, kills: int) -> None:
    for _ in range(kills):
        process.start()
        patients.live(patients.rng.uniform(0.3, LONGEST_LIFE))
        process.end(signal.SIGKILL)
    process.start()
    patients.grant()  # once that has arrived, the process runs and hears SIGTERM
    until = time.monotonic() + PATIENCE
    while patients.waiting():
        assert time.monotonic() < until, f"{patients.waiting()} items never arrived"
        time.sleep(0.05)
    assert process.end(signal.SIGTERM) == 0


def assert_all_arrived_once(events: list[Event], patients: Patients) -> None:
    granted = [event.commitment for event in events if isinstance(event, Granted)]
    revoked = [event.commitment for event in events if isinstance(event, Revoked)]
    assert len(granted) == len(set(granted))
    assert sorted(revoked) == sorted(patients.stopped)
    assert patients.granted - patients.stopped <= set(granted) <= patients.granted
    assert patients.granted - patients.stopped
    assert patients.stopped


KILLS = [5, pytest.param(50, marks=pytest.mark.soak)]


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_ledger_process_loses_and_doubles_nothing(template: Template, tmp_path: Path, kills: int) -> None:
    home = tmp_path / "home"
    with House.copied(template, home):
        pass
    with House.without_ledger(home, template.wallets) as house:
        patients = Patients(house, random.Random(), set(), set())
        kill_again_and_again(LedgerProcess(home, {}), patients, kills)
    with House.opened(home, template.wallets) as house:
        events = list(house.open.ledger.events(0, house.open.ledger.head().number))
        assert_all_arrived_once(events, patients)
        assert house.follow().matches


@pytest.mark.soak
def test_so_it_is_on_a_node_that_makes_a_block_a_second(anvil: Anvil, tmp_path: Path) -> None:
    home, confirmations = tmp_path / "home", 2
    with NodeHouse.built(anvil, home, confirmations, people=20) as house:
        wallets = house.wallets
    anvil.rpc("evm_setIntervalMining", 1)
    where = {"CONSENTRY_RPC": anvil.url, "CONSENTRY_CONFIRMATIONS": str(confirmations)}
    with House.without_ledger(home, wallets) as house:
        patients = Patients(house, random.Random(), set(), set())
        kill_again_and_again(LedgerProcess(home, where), patients, kills=20)
    settings = replace(settings_of(home), rpc=anvil.url, confirmations=confirmations)
    with wiring.opened_ledger(settings) as room:
        assert_all_arrived_once(list(room.ledger.events(0, room.ledger.head().number)), patients)
