"""A sandbox that is served by the processes of a deployment, on free ports."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from consent.client.address import Address

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 400.0
"""Seconds until all processes answer, on a machine that does much else."""


def two_free_ports() -> int:
    """Return a port that is free, and so is the next: the web's and the API's."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


@contextmanager
def running(command: Sequence[str], api: str, where: Path, environment: Mapping[str, str]) -> Iterator[float]:
    """Run a command that serves; yield after how many seconds the API answers. Interrupt it at the end, as Ctrl-C."""
    started, output = time.monotonic(), where / "served.txt"
    with output.open("wb") as told:
        process = subprocess.Popen(
            command, cwd=where, env=environment, stdout=told, stderr=told, start_new_session=True
        )
        try:
            _await(process, Address.parse(api), output, started)
            yield time.monotonic() - started
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _await(process: "subprocess.Popen[bytes]", api: Address, output: Path, started: float) -> None:
    while not _answers(api):
        assert process.poll() is None, output.read_text()
        assert time.monotonic() - started < PATIENCE, output.read_text()
        time.sleep(0.2)


def _answers(api: Address) -> bool:
    asked = urllib.request.Request(f"{api.connect}/v1/openapi.json", headers={"Host": api.host})  # noqa: S310  # http
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310  # as above
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def served_sandbox(where: Path, people: int) -> Iterator[Path]:
    """Make a sandbox and serve it; yield its folder."""
    from consent.demo.sandbox import make

    port, home = two_free_ports(), where / "home"
    make(home, people, port)
    command = [sys.executable, "-m", "consent.cli", "serve", str(home), "--port", str(port)]
    with running(command, f"http://api.localhost:{port + 1}", where, dict(os.environ) | {"PYTHONPATH": str(ROOT)}):
        yield home
