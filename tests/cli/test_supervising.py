"""The supervisor, over real small programs: it starts again, ends everything, and nothing outlives it."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consent.cli.program import LIFELINE, Backoff
from consent.cli.supervise import FATAL, Supervisor

ROOT = Path(__file__).parents[2]
RUNS = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + RUNS
BYE = "lambda *_: (print('bye', file=open(sys.argv[1], 'a')), sys.exit())"
POLITE = f"import signal, sys; signal.signal(signal.SIGTERM, {BYE}); " + RUNS
WITH_CHILD = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[2], sys.argv[1]]);" + RUNS
SCRIPT = (
    "import sys, json; from consent.cli.supervise import Supervisor; from consent.cli.program import Backoff\n"
    "sys.exit(Supervisor(json.loads(sys.argv[1]), patience=float(sys.argv[2]), backoff=lambda: Backoff(0.1)).run())"
)


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def pids(path: Path) -> list[int]:
    """Return the process numbers that programs wrote down as they started."""
    return [int(line) for line in path.read_text().split() if line.isdecimal()] if path.exists() else []


def lives(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_for(true: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "that did not happen in time"
        time.sleep(0.02)


@contextlib.contextmanager
def supervising(
    commands: dict[str, list[str]], patience: float = 10, stdout: int | None = subprocess.PIPE
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a supervisor in a process of its own; kill it at the end."""
    import json

    command = python(SCRIPT, json.dumps(commands), patience)
    with subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, cwd=ROOT) as running:
        try:
            yield running
        finally:
            running.kill()


def test_a_killed_program_is_started_again_and_the_others_stay(tmp_path: Path) -> None:
    ledger, web = tmp_path / "ledger", tmp_path / "web"
    with supervising({"ledger": python(RUNS, ledger), "web": python(RUNS, web)}) as supervisor:
        wait_for(lambda: pids(ledger) and pids(web))
        os.kill(pids(ledger)[0], signal.SIGKILL)
        wait_for(lambda: len(pids(ledger)) == 2)
        assert lives(pids(ledger)[1])
        assert len(pids(web)) == 1
        supervisor.terminate()
        assert supervisor.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_all_programs_in_their_own_way(tmp_path: Path, number: signal.Signals) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with supervising({"one": python(POLITE, one), "two": python(POLITE, two)}) as supervisor:
        wait_for(lambda: pids(one) and pids(two))
        supervisor.send_signal(number)
        assert supervisor.wait(20) == 0
    assert not any(map(lives, pids(one) + pids(two)))
    assert [path.read_text().split()[-1] for path in (one, two)] == ["bye", "bye"]


def test_a_program_that_will_not_end_is_killed_when_patience_ends(tmp_path: Path) -> None:
    with supervising({"stubborn": python(STUBBORN, tmp_path / "pid")}, patience=0.5) as supervisor:
        wait_for(lambda: pids(tmp_path / "pid"))
        supervisor.terminate()
        _, said = supervisor.communicate(timeout=20)
    assert not lives(pids(tmp_path / "pid")[0])
    assert b'"program killed"' in said


@pytest.mark.parametrize("code", [RUNS, STUBBORN])
def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path, code: str) -> None:
    """Programs that ignore polite signals and their children included."""
    commands = {"plain": python(code, tmp_path / "pids"), "parent": python(WITH_CHILD, tmp_path / "pids", code)}
    with supervising(commands) as supervisor:
        wait_for(lambda: len(pids(tmp_path / "pids")) == 3)
        supervisor.kill()
    wait_for(lambda: not any(map(lives, pids(tmp_path / "pids"))))


def test_no_kill_of_the_supervisor_at_any_moment_leaves_a_program(tmp_path: Path) -> None:
    """Even between the start of a program and the first word about it."""
    commands = {"one": python(RUNS, tmp_path / "pids"), "two": python(RUNS, tmp_path / "pids")}
    for pause in (0.1, 0.15, 0.2, 0.22, 0.24, 0.26, 0.3, 0.4):
        with supervising(commands) as supervisor:
            time.sleep(pause)
            supervisor.kill()
    time.sleep(0.5)
    assert pids(tmp_path / "pids")
    wait_for(lambda: not any(map(lives, pids(tmp_path / "pids"))))


def test_what_a_dead_program_left_running_is_killed_before_the_next_start(tmp_path: Path) -> None:
    with supervising({"parent": python(WITH_CHILD, tmp_path / "pids", RUNS)}):
        wait_for(lambda: len(pids(tmp_path / "pids")) == 2)
        first = pids(tmp_path / "pids")
        os.kill(parent_of(first), signal.SIGKILL)
        wait_for(lambda: len(pids(tmp_path / "pids")) == 4)
        assert not any(map(lives, first))


def parent_of(pair: list[int]) -> int:
    """Return which of two processes started the other."""
    one, two = pair
    return one if f"PPid:\t{one}\n" in Path(f"/proc/{two}/status").read_text() else two


def test_a_program_finds_no_child_that_it_did_not_start(tmp_path: Path) -> None:
    """A guard is left behind in the program's group, but not as its child: one who waits for any child would hang."""
    code = "import os, sys\ntry: os.wait()\nexcept ChildProcessError: open(sys.argv[1], 'a').write('1\\n')\n" + RUNS
    with supervising({"one": python(code, tmp_path / "pids")}):
        wait_for(lambda: len(pids(tmp_path / "pids")) == 2)


@pytest.mark.parametrize("code", sorted(FATAL))
def test_an_exit_that_would_repeat_itself_stops_all(
    tmp_path: Path, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    ends = f"import os, sys, time\nwhile not os.path.exists({str(other)!r}): time.sleep(.02)\nsys.exit({code})"
    assert Supervisor({"web": python(RUNS, other), "ledger": python(ends)}).run() == code
    assert not any(map(lives, pids(other)))
    assert f"consentry: ledger ended with exit code {code}" in capfd.readouterr().err


def test_a_program_that_is_not_there_is_a_mistake_of_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert Supervisor({"ledger": ["/nowhere/program"]}).run() == 2
    assert "cannot be started" in capfd.readouterr().err


@pytest.mark.parametrize("code", [0, 1, 4, 7])
def test_any_other_exit_is_started_again(tmp_path: Path, code: int) -> None:
    ends = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); sys.exit(int(sys.argv[2]))"
    passed = 0.0

    def sleep(seconds: float) -> None:
        """Let a hundred times as long pass as the programs get."""
        nonlocal passed
        passed += seconds
        time.sleep(seconds / 100)
        if len(pids(tmp_path / "pids")) >= 3:
            supervisor.stop()

    commands = {"ledger": python(ends, tmp_path / "pids", code)}
    supervisor = Supervisor(commands, monotonic=lambda: passed, sleep=sleep)
    assert supervisor.run() == 0
    assert len(pids(tmp_path / "pids")) == 3
    assert passed > 1 + 2, "each pause was waited for"


def test_the_guard_refuses_a_group_that_is_not_the_programs_own() -> None:
    """Run by hand it would end up killing whoever ran it."""
    command = [sys.executable, "-I", "-S", str(LIFELINE), "0", "true"]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (ran.returncode, "not the program's own" in ran.stderr) == (2, True)


def test_signals_mean_again_what_they_meant_before(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    supervisor = Supervisor({}, sleep=lambda _: supervisor.stop())
    assert supervisor.run() == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == before


def test_pauses_double_up_to_a_minute_and_a_steady_run_forgets_them() -> None:
    backoff = Backoff()
    assert [backoff.after(0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.after(59.9) == 60
    assert [backoff.after(60), backoff.after(0)] == [1, 2]
    assert [Backoff(deaths=10**6).after(0)] == [60]


def test_off_a_terminal_output_passes_as_it_is(tmp_path: Path) -> None:
    says = "import sys, time; print('plain'); print('{\"event\": 1}', file=sys.stderr, flush=True); sys.exit(6)"
    with supervising({"web": python(says)}) as supervisor:
        out, err = supervisor.communicate(timeout=20)
    assert out == b"plain\n"
    assert b'\n{"event": 1}\n' in b"\n" + err


def test_on_a_terminal_lines_carry_the_program_and_json_stays(tmp_path: Path) -> None:
    says = "import time; print('plain'); print('{\"event\": 1}', flush=True); time.sleep(600)"
    master, slave = pty.openpty()
    with supervising({"web": python(says)}, stdout=slave) as supervisor, os.fdopen(master, "rb", 0) as terminal:
        os.close(slave)
        shown = b""
        while shown.count(b"\n") < 2:
            shown += terminal.read(100)
        supervisor.terminate()
        assert supervisor.wait(20) == 0
    assert shown == b'web: plain\r\n{"event": 1}\r\n'


def test_the_command_line_runs_as_a_module() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "consent.cli", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "verify" in ran.stdout
