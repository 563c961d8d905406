"""Where a database is: a file, as a path or `sqlite:///…`, or a PostgreSQL server's `postgresql://…`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, event
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import ConnectionPoolEntry

from vault.files import make_private

SQLITE: Final = "sqlite:///"


def sqlite_path(place: Path | str) -> Path | None:
    """Return the file of a SQLite database; None for any other URL."""
    if isinstance(place, Path):
        return place
    return Path(place.removeprefix(SQLITE)) if place.startswith(SQLITE) else None


def keep_private(engine: Engine, path: Path) -> None:
    """Let whatever the engine makes of a SQLite database, journals too, be for its owner only."""

    def make(_dialect: Dialect, _entry: ConnectionPoolEntry, _words: Sequence[object], _named: object) -> None:
        make_private(path)

    event.listen(engine, "do_connect", make)
