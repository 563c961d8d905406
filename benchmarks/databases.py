"""New databases to measure on: SQLite in a folder, and a real PostgreSQL whose every commit is on disk."""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, make_url

Fresh = Callable[[], str]
"""Makes an empty database and returns its URL."""

SUFFIXES: Final = ("", "_postgresql")
"""How the figures of SQLite and of PostgreSQL are told apart."""


@contextmanager
def databases(suffix: str) -> Iterator[Fresh]:
    """Make databases of one kind, by the suffix of its figures; they are gone afterwards."""
    with _postgresql() if suffix else _sqlite() as fresh:
        yield fresh


@contextmanager
def _sqlite() -> Iterator[Fresh]:
    numbers = count()
    with tempfile.TemporaryDirectory() as folder:
        yield lambda: f"sqlite:///{folder}/{next(numbers)}.sqlite"


@contextmanager
def _postgresql() -> Iterator[Fresh]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pgserver's own folder is none of ours
        from pgserver.postgres_server import get_server  # noqa: PLC0415  # it comes with the tests only

    folder = Path(tempfile.mkdtemp(prefix="consentry-"))
    folder.chmod(0o755)  # where root measures, PostgreSQL runs as somebody else
    server = get_server(folder, cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    numbers = count()

    def fresh() -> str:
        name = f"measured_{next(numbers)}"
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        return url.set(database=name).render_as_string(hide_password=False)

    try:
        yield fresh
    finally:
        admin.dispose()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
