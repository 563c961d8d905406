"""The stop list in its file: what was acknowledged is never lost, and nothing but what was acknowledged is believed."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.adapters import stop_file
from consent.adapters.signing import LogKey
from consent.adapters.stop_file import StopFile
from consent.domain.stop_list import Head, Mark, MarkKind, StopListBusyError, StopListError, StopListMissingError
from consent.domain.terms import SubjectId
from consent.ports import StopList

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "stop_list.json").read_text())
KEY: Final = LogKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ORIGIN: Final = "consentry/test"
NOW: Final = 1_800_000_000
WRITERS, MARKS_EACH = 4, 20


def stop(number: int) -> Mark:
    """Return the stop of a consent with this number."""
    return Mark(MarkKind.STOP, NOW, subject=SubjectId(f"{number:032x}"), consent=f"{number:032x}")


def stopped(*numbers: int) -> set[str]:
    """Return the ids of the consents with these numbers."""
    return {f"{number:032x}" for number in numbers}


@pytest.fixture
def stops(tmp_path: Path) -> StopFile:
    """A list that has begun."""
    return StopFile.create(tmp_path / "stops", ORIGIN, KEY, NOW)


def opened(path: Path) -> StopFile:
    """Open the list as another process would."""
    return StopFile(path, ORIGIN, KEY.public_key, KEY.sign)


def grown(stops: StopFile, count: int) -> list[bytes]:
    """Append so many stops; returns the file's lines."""
    for number in range(count):
        stops.append([stop(number)])
    return stops.path.read_bytes().splitlines(keepends=True)


def test_a_stop_file_is_a_stop_list(stops: StopFile) -> None:
    port: StopList = stops
    assert port.state().head.lines == 1


def test_what_is_appended_is_known_here_and_to_others_at_once(stops: StopFile) -> None:
    other = opened(stops.path)
    assert other.state().stopped == frozenset()
    assert stops.append([stop(1), stop(2)]).stopped == stopped(1, 2)
    assert other.state() == stops.state() == opened(stops.path).state()
    assert other.append([stop(3)]).stopped == stopped(1, 2, 3)
    assert stops.state().stopped == stopped(1, 2, 3)


def test_marks_come_back_in_order(stops: StopFile) -> None:
    marks = [stop(2), Mark(MarkKind.BLOCK, NOW + 1, subject=SubjectId("a" * 32)), stop(1)]
    stops.append(marks)
    assert list(opened(stops.path).marks()) == [Mark(MarkKind.BEGIN, NOW, origin=ORIGIN), *marks]


def test_the_file_is_its_owners(stops: StopFile) -> None:
    assert oct(stops.path.stat().st_mode)[-3:] == "600"


def test_a_list_is_never_begun_anew(stops: StopFile) -> None:
    stops.append([stop(1)])
    with pytest.raises(StopListError):
        StopFile.create(stops.path, ORIGIN, KEY, NOW)
    assert opened(stops.path).state().stopped == stopped(1)


def test_a_missing_list_is_an_error_of_its_own(stops: StopFile) -> None:
    stops.path.unlink()
    for call in (stops.state, opened(stops.path).state, lambda: list(stops.marks()), lambda: stops.append([stop(1)])):
        with pytest.raises(StopListMissingError):
            call()
    assert not stops.path.exists()


def test_who_only_reads_cannot_append(stops: StopFile) -> None:
    with pytest.raises(StopListError):
        StopFile(stops.path, ORIGIN, KEY.public_key).append([stop(1)])
    assert stops.state().head.lines == 1


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: re.sub(r"\W+", "-", vector["name"]))
def test_a_file_adds_up_exactly_where_it_should(tmp_path: Path, vector: dict[str, Any]) -> None:
    (tmp_path / "stops").write_bytes(vector["file"].encode())
    stops = StopFile(tmp_path / "stops", vector["origin"], bytes.fromhex(vector["log_key"]))
    if (expected := vector["state"]) is None:
        with pytest.raises(StopListError):
            stops.state()
        return
    state = stops.state()
    for name in ("stopped", "blocked", "shredded", "tombstoned", "lifted"):
        assert sorted(getattr(state, name)) == expected[name]
    assert state.head == Head(expected["lines"], bytes.fromhex(expected["hash"]))


def test_a_line_that_a_power_cut_tore_anywhere_is_cut_off_by_the_next_append(stops: StopFile) -> None:
    lines = grown(stops, 3)
    whole, torn = b"".join(lines[:-1]), lines[-1]
    for length in range(len(torn)):
        stops.path.write_bytes(whole + torn[:length])
        after = opened(stops.path)
        assert after.state().stopped == stopped(0, 1)
        assert after.append([stop(7)]).stopped == stopped(0, 1, 7)
        assert opened(stops.path).state().stopped == stopped(0, 1, 7)
        assert stops.path.read_bytes().startswith(whole)


def test_a_bit_flipped_anywhere_before_the_last_line_feed_is_found(stops: StopFile) -> None:
    grown(stops, 2)
    content = stops.path.read_bytes()
    for place in range(len(content) - 1):
        flipped = content[place] ^ 1 << place % 8
        stops.path.write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
        with pytest.raises(StopListError):
            opened(stops.path).state()


def test_a_damaged_list_takes_no_mark(stops: StopFile) -> None:
    content = b"".join(grown(stops, 2))
    damaged = content.replace(b'"kind":"stop"', b'"kind":"halt"', 1)
    stops.path.write_bytes(damaged)
    with pytest.raises(StopListError):
        opened(stops.path).append([stop(9)])
    assert stops.path.read_bytes() == damaged


def test_a_list_that_was_cut_while_it_was_open_is_refused(stops: StopFile) -> None:
    lines = grown(stops, 3)
    for shorter in (b"".join(lines[:-1]), b"".join(lines)[:-5], b""):
        stops.path.write_bytes(shorter)
        for call in (stops.state, lambda: stops.append([stop(9)])):
            with pytest.raises(StopListError):
                call()
        assert stops.path.read_bytes() == shorter


def test_an_older_copy_in_its_place_is_refused_and_the_newest_is_taken(stops: StopFile, tmp_path: Path) -> None:
    grown(stops, 2)
    shutil.copy(stops.path, tmp_path / "older")
    stops.append([stop(5)])
    shutil.copy(stops.path, tmp_path / "newest")
    (tmp_path / "older").rename(stops.path)
    with pytest.raises(StopListError):
        stops.state()
    (tmp_path / "newest").rename(stops.path)
    assert stops.state().stopped == stopped(0, 1, 5)


def test_another_list_of_the_same_installation_in_its_place_is_refused(stops: StopFile, tmp_path: Path) -> None:
    shutil.copy(stops.path, tmp_path / "twin")
    grown(stops, 2)
    twin = opened(tmp_path / "twin")
    twin.append([stop(8), stop(9), stop(10)])
    (tmp_path / "twin").rename(stops.path)
    with pytest.raises(StopListError):
        stops.state()


def test_a_copy_that_was_put_back_in_place_is_read_again(stops: StopFile) -> None:
    content = b"".join(grown(stops, 2))
    stops.path.write_bytes(content)
    os.utime(stops.path)
    assert stops.state().stopped == stopped(0, 1)
    assert stops.append([stop(5)]).stopped == stopped(0, 1, 5)


@contextmanager
def no_larger_than(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes: a disk that is full."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("room", [0, 1, 100])
def test_what_a_full_disk_does_not_take_is_not_acknowledged(stops: StopFile, room: int) -> None:
    content = b"".join(grown(stops, 2))
    with no_larger_than(len(content) + room), pytest.raises(StopListBusyError):
        stops.append([stop(9)])
    assert stops.path.read_bytes() == content
    assert stops.state().stopped == stopped(0, 1)
    assert stops.append([stop(9)]).stopped == stopped(0, 1, 9)


def test_what_the_disk_does_not_keep_is_taken_back(stops: StopFile, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"".join(grown(stops, 1))

    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(StopListBusyError):
            stops.append([stop(9)])
    assert stops.path.read_bytes() == content
    assert opened(stops.path).state() == stops.state()


def test_who_holds_the_list_for_too_long_is_not_waited_for(stops: StopFile, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr(stop_file, "_PATIENCE_SECONDS", 0.05)
    with stops.path.open("rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(StopListBusyError):
            opened(stops.path).append([stop(1)])
    assert opened(stops.path).append([stop(1)]).stopped == stopped(1)


WRITER: Final = """
import sys
from pathlib import Path
from tests.adapters.test_stop_file import opened, stop
stops = opened(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    stops.append([stop(number), stop(1_000_000 + number)])
    print(number, flush=True)
"""


def writing(path: Path, first: int, last: int) -> "subprocess.Popen[str]":
    """Start a process that appends two stops at a time and prints what is acknowledged."""
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(last)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)


def both(*numbers: int) -> set[str]:
    """Return the ids that such a process wrote for these numbers."""
    return stopped(*numbers, *(1_000_000 + number for number in numbers))


def test_many_processes_append_and_read_at_once(stops: StopFile) -> None:
    writers = [writing(stops.path, n * MARKS_EACH, (n + 1) * MARKS_EACH) for n in range(WRITERS)]
    seen = frozenset[str]()
    while any(writer.poll() is None for writer in writers):
        state = stops.state()
        assert seen <= state.stopped
        assert len(state.stopped) == state.head.lines - 1
        seen = state.stopped
    for writer in writers:
        with writer:
            assert writer.returncode == 0
    assert stops.state().stopped == both(*range(WRITERS * MARKS_EACH))


def test_threads_share_one_list(stops: StopFile) -> None:
    threads = [Thread(target=lambda n=n: [stops.append([stop(n + m)]) for m in range(10)]) for n in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stops.state().stopped) == len(opened(stops.path).state().stopped) == 30


@pytest.mark.parametrize("kill", [*range(3), *(pytest.param(n, marks=pytest.mark.soak) for n in range(3, 40))])
def test_a_writer_that_was_killed_lost_nothing_that_it_acknowledged(stops: StopFile, kill: int) -> None:
    with writing(stops.path, 0, 1_000_000) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline())]
        time.sleep(0.01 + 0.0037 * kill)
        writer.kill()
        acknowledged += [int(line) for line in writer.stdout.read().split()]
    state = opened(stops.path).append([stop(9_999_999)])
    kept = both(*acknowledged) | stopped(9_999_999)
    assert kept <= state.stopped
    assert len(state.stopped - kept) <= 2, "only the marks that were being written"
