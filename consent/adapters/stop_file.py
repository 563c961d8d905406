"""The stop list in a file of the operator's folder: lines are added, and nothing is ever written over.

A line that a power cut tore was never acknowledged: it has no line feed, nobody reads it, and the next append cuts it
off. Any other damage is a `StopListError`. So the end of the list can be cut off unseen, at a line or within the last;
whoever keeps `StopState.head` elsewhere sees it. Processes lock the file with flock (2): one appends, or many read.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final, Self

from consent.domain.stop_list import (
    Chain,
    Head,
    Mark,
    MarkKind,
    StopListBusyError,
    StopListError,
    StopListMissingError,
    StopState,
    write_line,
)
from consent.ports import Signer
from consent.signatures import verifies
from vault.files import write_new

_PATIENCE_SECONDS: Final = 10
_PAUSE_SECONDS: Final = 0.002
_Stamp = tuple[int, int, int, int]
"""Device, inode, bytes and the time of the last change: while these are the same, nobody wrote."""


@dataclass(frozen=True, slots=True)
class _Cursor:
    """What has been read: of which file, up to which byte, and what it adds up to."""

    stamp: _Stamp = (0, 0, 0, 0)
    offset: int = 0
    state: StopState = field(default_factory=StopState)

    def is_prefix_of(self, stamp: _Stamp) -> bool:
        """Say whether the file with this stamp is the same one, grown."""
        return self.stamp[:2] == stamp[:2] and self.offset < stamp[2]


@dataclass(slots=True)
class StopFile:
    """The stop list at `path`; a `StopList`. Threads and processes may share it.

    Attributes:
        path: the file.
        origin: the log's name.
        public_key: the log's, 32 bytes.
        sign: the log key's signature; who only reads needs none.
    """

    path: Path
    origin: str
    public_key: bytes
    sign: Callable[[bytes], bytes] | None = None
    _cursor: _Cursor = field(default=_Cursor(), repr=False)
    _mutex: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def create(cls, path: Path, origin: str, signer: Signer, now: int) -> Self:
        """Begin a list, whole and on disk or not at all; raise `StopListError` when there is one or it cannot be."""
        begin = write_line(Head(), Mark(MarkKind.BEGIN, now, origin=origin), signer.sign)
        try:
            write_new(path, begin)
        except FileExistsError as error:
            raise StopListError("there is a stop list already: keep it, it must never begin anew") from error
        except OSError as error:
            raise StopListBusyError(f"the stop list cannot be written: {error.strerror}") from error
        return cls(path, origin, signer.public_key, signer.sign)

    def append(self, marks: Sequence[Mark]) -> StopState:
        """Write marks at the end; they are on disk when this returns."""
        if self.sign is None:
            raise StopListError("this process only reads the stop list: append where the log key is open")
        with self._mutex, _opened(self.path, os.O_RDWR | os.O_APPEND, fcntl.LOCK_EX) as descriptor:
            known = self._caught_up(descriptor)
            lines, head = _lines(known.state.head, marks, self.sign)
            _write(descriptor, known.offset, lines)
            offset, state = known.offset + len(lines), known.state.after(marks, head)
            self._cursor = _Cursor(_stamp(os.fstat(descriptor)), offset, state)
            return state

    def state(self) -> StopState:
        """Return what all marks add up to; what has been read is not read again."""
        with self._mutex:
            if _stamp(_status(self.path)) == self._cursor.stamp:
                return self._cursor.state
            with _opened(self.path, os.O_RDONLY, fcntl.LOCK_SH) as descriptor:
                return self._caught_up(descriptor).state

    def marks(self) -> Iterator[Mark]:
        """Yield every mark in order; the whole list is checked before the first."""
        with _opened(self.path, os.O_RDONLY, fcntl.LOCK_SH) as descriptor:
            marks, _, _ = self._read(descriptor, _Cursor(), Head())
        yield from marks

    def _caught_up(self, descriptor: int) -> _Cursor:
        """Take up what was written since the file was last read; one that did not just grow is read from its start."""
        known, stamp = self._cursor, _stamp(os.fstat(descriptor))
        if stamp != known.stamp:
            start = known if known.is_prefix_of(stamp) else _Cursor()
            marks, head, offset = self._read(descriptor, start, known.state.head)
            self._cursor = _Cursor(stamp, offset, start.state.after(marks, head))
        return self._cursor

    def _read(self, descriptor: int, start: _Cursor, known: Head) -> tuple[list[Mark], Head, int]:
        """Return the marks behind `start`, and up to where they went; the list must hold what is `known` of it."""
        chain = Chain(self.origin, partial(verifies, self.public_key), start.state.head)
        marks, offset = list[Mark](), start.offset
        with open(os.dup(descriptor), "rb") as file:  # noqa: PTH123  # a descriptor, not a path
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):  # torn, and never acknowledged
                    break
                marks.append(chain.take(line))
                offset += len(line)
                if chain.head.lines == known.lines and chain.head != known:
                    raise StopListError("another stop list was put in this one's place: restore the newest copy")
        if chain.head.lines < max(known.lines, 1):
            raise StopListError("the stop list lost lines: restore its newest copy")
        chain.require_signed()
        return marks, chain.head, offset


def _lines(head: Head, marks: Sequence[Mark], sign: Callable[[bytes], bytes]) -> tuple[bytes, Head]:
    lines = []
    for mark in marks:
        lines.append(write_line(head, mark, sign))
        head = head.after(lines[-1])
    return b"".join(lines), head


def _write(descriptor: int, end: int, lines: bytes) -> None:
    """Write at `end`, where a torn line may stand; what did not get to the disk is taken back."""
    try:
        os.ftruncate(descriptor, end)
        _write_all(descriptor, lines)
        os.fsync(descriptor)
    except OSError as error:
        with suppress(OSError):
            os.ftruncate(descriptor, end)
        raise StopListBusyError(f"the stop list cannot be written: {error.strerror}") from error


def _write_all(descriptor: int, lines: bytes) -> None:
    """Write on until a full disk says so: a write that was short says nothing of why."""
    while lines:
        lines = lines[os.write(descriptor, lines) :]


@contextmanager
def _opened(path: Path, flags: int, lock: int) -> Iterator[int]:
    """Open the file and hold its lock."""
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC)
    except OSError as error:
        raise _missing(error) from error
    try:
        _lock(descriptor, lock)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, lock: int) -> None:
    """Wait for the lock, but not for ever: whoever holds it may be stuck."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, lock | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > give_up:
                raise StopListBusyError("another process holds the stop list: see what it waits for") from error
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise _missing(error) from error


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _missing(error: OSError) -> StopListError:
    if isinstance(error, FileNotFoundError):
        return StopListMissingError("the stop list is missing, without it nothing serves: restore its newest copy")
    return StopListError(f"the stop list cannot be opened: {error.strerror}")
