"""Files for their owner's eyes; small secret ones are written whole or not at all, and overwritten before they go."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, mode 0600; it is on disk, name and all, when this returns.

    Raises `FileExistsError` and other `OSError`; a crash leaves at most a draft whose name starts with `path`'s.
    """
    with new_file(path) as file:
        file.write(content)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write and read, mode 0600, that gets its name when it is whole; nothing is left where it fails.

    Raises as `write_new` does.
    """
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # A link, because a rename would replace what is there: that could be the only copy of a key.
        os.link(draft, path)
    finally:
        Path(draft).unlink()
    sync_folder(path.parent)


def make_private(path: Path) -> None:
    """Make an empty file, mode 0600 whatever the umask, where there is none: what SQLite keeps beside it has its mode.

    One that is there is not even opened: closing it would let go of this process's SQLite locks (fcntl (2)). Where none
    can be made, whoever opens it hears why.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def append_private(path: Path) -> BinaryIO:
    """Open a file for appending, made with mode 0600 where there is none; raises `OSError`."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab")


def destroy(path: Path) -> None:
    """Overwrite a file in place, then remove it, each on disk before the next; raises `OSError`.

    A flash drive or a copying filesystem may keep the old bytes all the same.
    """
    with path.open("r+b") as file:
        file.write(os.urandom(os.fstat(file.fileno()).st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's names on disk; raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
