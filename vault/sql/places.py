"""Where a database is: a file, as a path or `sqlite:///…`, or a PostgreSQL server's `postgresql://…`."""

from pathlib import Path
from typing import Final

SQLITE: Final = "sqlite:///"


def sqlite_path(place: Path | str) -> Path | None:
    """Return the file of a SQLite database; None for any other URL."""
    if isinstance(place, Path):
        return place
    return Path(place.removeprefix(SQLITE)) if place.startswith(SQLITE) else None
