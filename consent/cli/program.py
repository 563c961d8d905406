"""One supervised program: started in a group of its own, watched, ended with all that it started."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, Final

LIFELINE: Final = Path(__file__).with_name("lifeline.py")


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start, in seconds: doubled by each death, forgotten after a steady run."""

    first: float = 1
    longest: float = 60
    steady: float = 60
    deaths: int = 0

    def after(self, ran: float) -> float:
        """Return the pause after a death that followed `ran` seconds of running."""
        self.deaths = 1 if ran >= self.steady else self.deaths + 1
        # The exponent is bounded: after weeks of dying the power would not fit a float.
        return min(self.longest, self.first * 2.0 ** min(self.deaths - 1, 32))


@dataclass(slots=True)
class Program:
    """A name, a command, and the process that runs it now, if any does."""

    name: str
    command: Sequence[str]
    backoff: Backoff = field(default_factory=Backoff)
    due: float = 0
    started: float = 0
    running: "subprocess.Popen[bytes] | None" = None

    def start(self, now: float, lifeline: int, *, named_lines: bool) -> None:
        """Start; with `named_lines` its output comes out line by line under its name, else it writes to ours."""
        shim = [sys.executable, "-I", "-S", str(LIFELINE), str(lifeline)]
        output = subprocess.PIPE if named_lines else None
        self.running = subprocess.Popen(  # noqa: S603  # the operator's own commands
            [*shim, *self.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[lifeline],
            process_group=0,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} if named_lines else None,
        )
        self.started = now
        for source, target in ((self.running.stdout, sys.stdout), (self.running.stderr, sys.stderr)):
            if source:
                threading.Thread(target=pass_on, args=(self.name, source, target.buffer), daemon=True).start()

    def ended(self) -> int | None:
        """Return how the program ended, negative for a signal, None while it runs; what it left running is killed."""
        if self.running is None:
            return None
        # Looked at before it is reaped: until then nothing else has its number, so the kill reaches its group only.
        if os.waitid(os.P_PID, self.running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self.kill()
        code, self.running = self.running.wait(), None
        return code

    def terminate(self) -> None:
        """Ask the program, not its children, to end: it knows in which order."""
        if self.running:
            os.kill(self.running.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the whole group."""
        if self.running:
            with suppress(ProcessLookupError, PermissionError):  # macOS refuses a group of which only a zombie is left
                os.killpg(self.running.pid, signal.SIGKILL)


def pass_on(name: str, source: IO[bytes], target: BinaryIO) -> None:
    """Copy lines under the program's name; JSON stays as it is. A terminal that is gone does not stop the program."""
    for line in source:
        with suppress(OSError, ValueError):
            target.write(line if line.startswith(b"{") else f"{name}: ".encode() + line)
            target.flush()


@contextmanager
def held_lifeline() -> Iterator[int]:
    """Yield the reading end of a pipe whose writing end only this process holds."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)
