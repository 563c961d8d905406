"""A worker that is killed at random during trainings: each job ends once, and no model is half registered."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import pytest
from sqlalchemy import text

from consent.domain.dsse import MANIFEST_TYPE, open_envelope
from consent.domain.hashing import sha256
from consent.ports import JobState, StoredRelease
from consent.services.desk.work import OPEN_JOBS, TrainingAsked, Work
from consent.services.studies.training_job import TRAIN
from consent.signatures import verifies
from tests.canaries import found_in
from tests.services.house import DICTIONARY_TEXT, PASSPHRASE, House, Template
from tests.services.served import BEDSIDE, built

PATIENCE: Final = 30
"""Seconds that a training may take on a busy machine."""
LONGEST: Final = 3.5
"""Seconds after which a worker is killed at the latest: it opens in about two, and a training takes about as long."""


@dataclass(slots=True)
class WorkerProcess:
    """`consentry worker` on a house, as a process that may be killed at any moment."""

    home: Path
    running: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def said(self) -> Path:
        """The file of all that workers said."""
        return self.home / "worker.txt"

    def __enter__(self) -> Self:
        secret = self.home / "test-passphrase"
        secret.write_bytes(PASSPHRASE)
        environment = os.environ | {
            "CONSENTRY_PASSPHRASE_FILE": str(secret),
            "CONSENTRY_MAX_STALENESS": "86400",
        }
        command = [sys.executable, "-m", "consent.cli", "worker", str(self.home)]
        with self.said.open("ab") as said:
            self.running = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.running is not None
        self.running.kill()
        self.running.wait()


def forget_leases(house: House) -> None:
    """Let the time of a dead worker's lease pass."""
    with house.open.store.begin() as unit:
        unit.connection.execute(text("UPDATE jobs SET lease_until = 0 WHERE state = 'running'"))


def jobs(house: House) -> list[Any]:
    with house.open.store.reading() as unit:
        return [job for job in unit.jobs.everything() if job.kind == TRAIN]


def kill_again_and_again(house: House, kills: int, chance: random.Random) -> None:
    """Queue a training for each kill, kill workers while they do them, then let one do what is left."""
    work = Work(house.open.training)
    for number in range(kills):
        if len(waiting(house)) >= OPEN_JOBS:
            let_work(house, OPEN_JOBS // 2)
        asked = TrainingAsked(DICTIONARY_TEXT, {"rounds": 8 + number, "depth": 2, "min_child_weight": 3})
        work.train(BEDSIDE, asked, house.clock())
        with WorkerProcess(house.open.places.home):
            time.sleep(chance.uniform(0, LONGEST))
        forget_leases(house)
    let_work(house, 0)


def waiting(house: House) -> list[Any]:
    return [job for job in jobs(house) if not job.state.is_over]


def let_work(house: House, most: int) -> None:
    """Let a worker live until no more than so many jobs are left."""
    with WorkerProcess(house.open.places.home):
        until = time.monotonic() + PATIENCE * (1 + len(waiting(house)))
        while len(waiting(house)) > most:
            assert time.monotonic() < until, [job.state for job in jobs(house)]
            time.sleep(0.1)
    forget_leases(house)


def releases(house: House) -> list[StoredRelease]:
    with house.open.store.reading() as unit:
        return list(unit.studies.releases(BEDSIDE))


def trained(house: House) -> list[Mapping[str, Any]]:
    return [entry for entry in house.log() if (entry["action"], entry["verdict"]) == ("train", "TRAINED")]


def registered(house: House) -> Iterator[bytes]:
    """Yield each model that the registry was told to serve, or will be."""
    with house.open.store.reading() as unit:
        yield from (act.model for act in unit.model_acts.everything() if act.manifest)


@pytest.mark.sqlite_only
@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.soak)])
def test_a_killed_worker_ends_each_training_once_and_registers_no_half_of_one(
    template: Template, tmp_path: Path, kills: int
) -> None:
    bedside = built(template, tmp_path / "bedside")
    with House.without_ledger(bedside.home, template.wallets) as house:
        before, seed = len(releases(house)), random.randrange(2**32)
        house.clock.ahead = timedelta()
        kill_again_and_again(house, kills, random.Random(seed))
        done = [job for job in jobs(house) if job.state is JobState.DONE]
        assert len(jobs(house)) == kills, seed
        assert all(job.finished for job in jobs(house)), seed
        kept = releases(house)
        assert [release.release for release in kept] == list(range(1, before + len(done) + 1)), seed
        outcomes = [json.loads(job.outcome) for job in done]
        assert sorted(one["release"] for one in outcomes) == [r.release for r in kept[before:]], seed
        assert len(trained(house)) == len(kept), seed
        assert_whole(house, kept)
        assert_silent(house.open.places.home)
        assert {release.model_hash for release in kept[before:]} <= set(registered(house)), seed
        assert set(registered(house)) <= {release.model_hash for release in kept}, seed


def assert_silent(home: Path) -> None:
    """No worker said what stands in every record."""
    said = WorkerProcess(home).said.read_bytes()
    assert b'"job ended"' in said
    assert not found_in(said)


def assert_whole(house: House, kept: list[StoredRelease]) -> None:
    """Each model has its manifest, which names it and is signed, and an opening for each of its rows."""
    key = house.open.log.signer.public_key
    verify = partial(verifies, key)
    for release in kept:
        manifest = json.loads(open_envelope(release.envelope, MANIFEST_TYPE, key, verify))
        assert manifest == json.loads(release.manifest)
        assert manifest["model"] == sha256(release.model).hex() == release.model_hash.hex()
        with house.open.store.reading() as unit:
            assert len(unit.studies.openings(BEDSIDE, release.release)) == manifest["rows"]
