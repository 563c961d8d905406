"""Run a deployment's programs side by side: start them, start again what died, end them together.

commands = {name: [sys.executable, "-m", "consent.cli", name, str(home)] for name in ("ledger", "worker", "web")}
sys.exit(Supervisor(commands).run())
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from consent.adapters.logging_json import logger
from consent.cli.errors import NOT_FOUND, NOT_VERIFIED, SIGN_IN, USAGE
from consent.cli.program import Backoff, Program, held_lifeline

FATAL: Final = frozenset({USAGE, SIGN_IN, NOT_FOUND, NOT_VERIFIED})
"""Exit codes that another start would only repeat: wrong usage, wrong passphrase, no installation, another ledger."""
GLANCE: Final = 0.1
"""Seconds between two looks at the programs; also how late a signal may be noticed."""
STOPPING_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Keeps named programs running. No program outlives it, even when it is killed (`lifeline.py`)."""

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        *,
        patience: float = 20,
        backoff: Callable[[], Backoff] = Backoff,
        named_lines: bool | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take argument lists by name.

        Args:
            commands: each program's argument list, by a name of one lower-case word.
            patience: seconds that programs have for ending by themselves.
            backoff: makes the pauses between a program's deaths and its next starts.
            named_lines: put a program's name before its lines; by default when standard output is a terminal.
            monotonic: seconds that never go back.
            sleep: waits for some seconds.
        """
        self._programs = [Program(name, command, backoff()) for name, command in commands.items()]
        self._patience = patience
        self._named_lines = sys.stdout.isatty() if named_lines is None else named_lines
        self._monotonic, self._sleep = monotonic, sleep
        self._stopping = False
        self._log = logger()

    def run(self) -> int:
        """Run from the main thread until SIGTERM, SIGINT, SIGHUP or `stop`, which give 0.

        Return a program's own exit code when it ended with one of `FATAL`; then all have been ended.
        """
        with self._signals(), held_lifeline() as lifeline:
            try:
                while not self._stopping:
                    code = self._look(lifeline)
                    if code is not None:
                        return code
                    self._sleep(GLANCE)
                return 0
            finally:
                self._end_all()

    def stop(self) -> None:
        """Have `run` end all programs and return."""
        self._stopping = True

    def _look(self, lifeline: int) -> int | None:
        """Start what is due and note what ended; return the exit code that ends everything, if there is one."""
        for program in self._programs:
            now = self._monotonic()
            code = program.ended()
            if code in FATAL:
                return self._give_up(program, code)
            if code is not None:
                self._put_off(program, code, now)
            if program.running is None and now >= program.due:
                program.start(now, lifeline, named_lines=self._named_lines)
                self._log.info("program started", program=program.name)
        return None

    def _put_off(self, program: Program, code: int, now: float) -> None:
        pause = program.backoff.after(now - program.started)
        program.due = now + pause
        deaths = program.backoff.deaths
        self._log.warning("program ended", program=program.name, code=code, attempt=deaths, seconds=pause)

    def _give_up(self, program: Program, code: int) -> int:
        self._log.error("program gave up", program=program.name, code=code)
        sys.stderr.write(
            f"consentry: {program.name} ended with exit code {code}, and starting it again would not change that: "
            "mend what it said above, then start anew\n"
        )
        return code

    def _end_all(self) -> None:
        for program in self._programs:
            program.terminate()
        deadline = self._monotonic() + self._patience
        while self._still_running() and self._monotonic() < deadline:
            self._sleep(GLANCE)
        for program in self._still_running():
            self._log.warning("program killed", program=program.name)
            program.kill()
        while self._still_running():
            time.sleep(GLANCE)  # the kernel's own time, whatever clock a caller brought
        self._log.info("all ended")

    def _still_running(self) -> list[Program]:
        for program in self._programs:
            program.ended()
        return [program for program in self._programs if program.running]

    @contextmanager
    def _signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, lambda *_: self.stop()) for number in STOPPING_SIGNALS}
        try:
            yield
        finally:
            for number, action in before.items():
                signal.signal(number, action)
