"""The README's way of a researcher to a first count: its commands, as they stand there and no others, in a clone."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.examples.served import ROOT, running, two_free_ports

MOST_COMMANDS = 5
SERVING = "make sandbox"


def commands() -> list[str]:
    """Return what the section's blocks hold, without remarks."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## Ask, as a researcher\n(.*?)^## ", readme, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def clone(where: Path) -> Path:
    """Lay out a folder that looks as a clone does after `make`: this tree, this Python, and a `var` of its own."""
    where.mkdir()
    for each in ROOT.iterdir():
        if each.name not in {".venv", ".git", "var"}:
            (where / each.name).symlink_to(each)
    (where / ".venv").mkdir()
    (where / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (where / ".venv" / ".ready").touch()
    return where


def ran(command: str, where: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        shlex.split(command), cwd=where, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_first_count_takes_at_most_five_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed, where, port = commands(), clone(tmp_path / "clone"), two_free_ports()
    assert listed[0] == SERVING
    assert len(listed) <= MOST_COMMANDS
    environment = dict(os.environ) | {
        "PYTHONPATH": str(ROOT),
        "SANDBOX_PORT": str(port),
        "HOME": str(tmp_path / "reader"),
        "XDG_CONFIG_HOME": str(tmp_path / "reader" / ".config"),
    }
    started = time.monotonic()
    with running(shlex.split(SERVING), f"http://api.localhost:{port + 1}", where, environment) as ready:
        *_, counted = [ran(command, where, environment) for command in listed[1:]]
    seconds = time.monotonic() - started
    assert re.search(r"\b[1-9][0-9]*[05]\b", counted), counted
    with capsys.disabled():
        sys.stdout.write(f"\n{len(listed)} commands: served after {ready:.1f} s, counted after {seconds:.1f} s\n")
