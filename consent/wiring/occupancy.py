"""Who has an installation open: many at once to use it, one alone to restore it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from consent.wiring.places import InstallationError, Places
from vault.files import append_private


class OccupiedError(InstallationError):
    """Another program is in the way; nothing was changed: stop it, or wait for its end."""


@contextmanager
def occupied(places: Places, *, alone: bool = False) -> Iterator[None]:
    """Hold the installation's lock; the system lets it go when the process ends, however that ends.

    Raises `OccupiedError`: alone, when anybody has it open; otherwise, while it is being restored.
    """
    try:
        file = append_private(places.home / "open.lock")
    except OSError as error:
        raise InstallationError("the installation's folder cannot be written: make it writable") from error
    with file:
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            others = "other programs have this installation open: stop them all first"
            raise OccupiedError(
                others if alone else "a restore or an upgrade is at work here: wait for its end"
            ) from error
        yield
