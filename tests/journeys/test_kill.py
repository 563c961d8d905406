"""SIGKILL at random moments of the demo: what was acknowledged is found, and a new demo works."""

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.journeys.test_demo import COMMAND, consentry

PATIENTS = 150


def receipts_of(home: Path) -> int:
    """Return how many receipts patients hold; a last line without its end was never handed out whole."""
    path = home / "patients" / "receipts.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def kill_at_random(home: Path, rng: random.Random) -> None:
    """Start a demo and kill it without warning, mostly while consents are given, published and stopped."""
    arguments = ["demo", "--home", str(home), "--patients", str(PATIENTS)]
    demo = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if rng.random() < 0.8:
        while demo.poll() is None and not receipts_of(home):
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 2.5))
    else:
        time.sleep(rng.uniform(0.2, 4))
    demo.send_signal(signal.SIGKILL)
    demo.wait()


def check_what_is_left(home: Path) -> None:
    verified = consentry("verify", home)
    if not (home / "installation.json").exists():
        assert receipts_of(home) == 0
        assert verified.returncode == 5
        return
    assert verified.returncode == 0, verified.stdout + verified.stderr
    if receipts_of(home):
        assert "receipts" in verified.stdout


def test_a_killed_demo_loses_no_acknowledged_grant_and_a_new_one_works(tmp_path: Path) -> None:
    rng = random.Random(20261123)
    for _ in range(5):
        kill_at_random(tmp_path / "home", rng)
        check_what_is_left(tmp_path / "home")
    assert consentry("demo", "--home", tmp_path / "home", "--patients", str(PATIENTS)).returncode == 0
    assert json.loads((tmp_path / "home" / "summary.json").read_text())["rows_without_valid_consent"] == 0


@pytest.mark.soak
def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    rng = random.Random()
    for _ in range(50):
        kill_at_random(tmp_path / "home", rng)
        check_what_is_left(tmp_path / "home")
