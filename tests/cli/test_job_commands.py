"""Jobs from the command line: queued without a key, done by a real worker process, watched and cancelled."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consent.cli.errors import NOT_FOUND, REFUSED, USAGE
from tests.cli.test_commands import Ran, consentry, refused
from tests.services.house import DICTIONARY_TEXT, PASSPHRASE, House, Template

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(template: Template, tmp_path: Path) -> Path:
    """An installation in which forty people consent, and a dictionary beside it."""
    home = tmp_path / "home"
    with House.copied(template, home) as house:
        house.grant(*house.people[:40])
        house.publish()
    (home / "operator" / "passphrase").write_bytes(PASSPHRASE + b"\n")
    (tmp_path / "dictionary.toml").write_text(DICTIONARY_TEXT)
    return home


def queue(home: Path, *options: str, study: str = "kidneys") -> Ran:
    return consentry("local", "train", home, study, home.parent / "dictionary.toml", *options)


@contextmanager
def working(home: Path) -> "Iterator[subprocess.Popen[str]]":
    """Run a worker until the block ends."""
    command = [sys.executable, "-m", "consent.cli", "worker", str(home)]
    worker = subprocess.Popen(command, cwd=ROOT, text=True, stderr=subprocess.PIPE)
    try:
        yield worker
    finally:
        worker.kill()
        worker.communicate()


def test_a_queued_training_is_done_by_a_worker_which_ends_when_asked(home: Path) -> None:
    with working(home) as worker:
        ran = queue(home, "--rounds", "5", "--wait")
        assert (ran.returncode, '"release":1' in ran.stderr) == (0, True), ran.stderr
        assert re.fullmatch("[0-9a-f]{32}", ran.stdout)
        worker.send_signal(signal.SIGTERM)
        said = worker.communicate(timeout=20)[1]
    assert worker.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["event"] for line in lines] == ["worker runs", "job ended", "worker stops"]
    assert lines[1].keys() == {"event", "level", "timestamp", "process", "kind", "state", "seconds"}
    assert "done" in consentry("jobs", home).stdout


def test_a_training_on_a_cohort_is_named_by_its_query(home: Path) -> None:
    query = home.parent / "cohort.json"
    query.write_text('{"version": 1, "index": {"day": "2020-06-15"}, "where": {"demographics": {"age": [41, null]}}}')
    with working(home):
        ran = queue(home, "--cohort", str(query), "--wait")
    assert (ran.returncode, '"release":1' in ran.stderr) == (0, True), ran.stderr
    query.write_text("{")
    refused(queue(home, "--cohort", str(query)), USAGE, "the query is not JSON")


def test_a_training_that_fails_is_told_to_whoever_waits(home: Path) -> None:
    query = home.parent / "cohort.json"
    query.write_text('{"version": 1, "index": {"day": "2020-06-15"}, "where": {"demographics": {"age": [150, null]}}}')
    with working(home):
        refused(queue(home, "--cohort", str(query), "--wait"), REFUSED, "check the cohort and the codes")
    refused(queue(home, study="livers"), NOT_FOUND, "no such study is registered here")


def test_jobs_are_queued_listed_and_cancelled_without_a_passphrase(home: Path) -> None:
    (home / "operator").rename(home.parent / "operator")
    job = queue(home).stdout
    assert "waiting" in consentry("jobs", home).stdout
    assert "is cancelled" in consentry("cancel", home, job).stdout
    assert "cancelled" in consentry("jobs", home).stdout


def test_what_is_not_there_is_told(home: Path) -> None:
    refused(consentry("cancel", home, "0" * 32), NOT_FOUND, "no job has this id")
    refused(consentry("jobs", home / "nowhere"), NOT_FOUND, "no installation")
    (home.parent / "dictionary.toml").write_bytes(b"\xff\xfe")
    refused(queue(home), USAGE, "cannot be read")
    (home.parent / "dictionary.toml").write_text(DICTIONARY_TEXT.replace("horizon_days = 90", "horizon_days = 0"))
    refused(queue(home), USAGE, "horizon_days must be at least 1")
