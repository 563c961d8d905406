"""The log archive as a file: one entry's bytes a line, line n is entry n. Canonical JSON holds no line break.

Whoever has the file can compute every leaf and every root of the log with nothing else. A line that a power cut tore
was never signed: it is cut off when the next ones are written.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from consent.domain.errors import ConsentError, LogForkError

_PIECE: Final = 1 << 20


class ArchiveError(ConsentError):
    """The log archive cannot be read or written: nothing is signed till then, make `operator/` writable."""


@dataclass(slots=True)
class LogArchiveFile:
    """`LogArchive` in one append-only file; many processes may hold it open."""

    path: Path
    _lines: int = field(default=0, init=False)
    _end: int = field(default=0, init=False)

    def size(self) -> int:
        """Return how many whole entries the file holds."""
        with _translated():
            try:
                with self.path.open("rb") as file:
                    self._catch_up(file)
            except FileNotFoundError:
                self._lines = self._end = 0
        return self._lines

    def append(self, first: int, bodies: Sequence[bytes]) -> None:
        """Store entries, synced; raise `LogForkError` for what does not continue the file, `ArchiveError`."""
        with _translated(), self._locked() as file:
            self._catch_up(file)
            known = self._lines - first
            if known < 0:
                raise LogForkError("the log archive ends before these entries: restore its newest copy")
            if 0 < known <= len(bodies) and self._last(file) != bodies[known - 1]:
                raise LogForkError("the log archive holds another entry at this place: restore what was altered")
            if new := bodies[known:]:
                file.truncate(self._end)
                file.seek(self._end)
                file.write(b"".join([body + b"\n" for body in new]))
                file.flush()
                os.fsync(file.fileno())
                self._catch_up(file)

    def last(self) -> bytes | None:
        """Return the newest entry's bytes, read from the end of the file."""
        if not self.size():
            return None
        with _translated(), self.path.open("rb") as file:
            return self._last(file)

    def bodies(self, first: int = 0) -> Iterator[bytes]:
        """Yield the entries' bytes; what a power cut tore is left out."""
        size = self.size()
        with _translated(), self.path.open("rb") as file:
            for line in islice(file, first, size):
                yield line.removesuffix(b"\n")

    def _catch_up(self, file: BinaryIO) -> None:
        """Count the lines that came since; a file that shrank is counted anew."""
        if os.fstat(file.fileno()).st_size < self._end:
            self._lines = self._end = 0
        file.seek(self._end)
        at = self._end
        while piece := file.read(_PIECE):
            self._lines += piece.count(b"\n")
            if b"\n" in piece:
                self._end = at + piece.rindex(b"\n") + 1
            at += len(piece)

    def _last(self, file: BinaryIO) -> bytes:
        start = self._end
        tail = b""
        while start and b"\n" not in tail[:-1]:
            start = max(0, start - _PIECE)
            file.seek(start)
            tail = file.read(self._end - start)
        return tail[:-1].rsplit(b"\n", 1)[-1]

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """Open the file, made where it is missing, with nobody else writing."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveError(f"the log archive cannot be read or written: {error.strerror}") from error
