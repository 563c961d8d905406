"""Small secret files: written whole or not at all, and overwritten before they go."""

import os
import tempfile
from pathlib import Path


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, mode 0600; it is on disk, name and all, when this returns.

    Raises `FileExistsError` and other `OSError`; a crash leaves at most a draft whose name starts with `path`'s.
    """
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, because a rename would replace what is there: that could be the only copy of a key.
        os.link(draft, path)
    finally:
        Path(draft).unlink()
    sync_folder(path.parent)


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
