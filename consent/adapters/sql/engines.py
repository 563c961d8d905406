"""The records database as an engine, in SQLite or PostgreSQL: who writes is alone, who reads sees one state."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from consent.domain.errors import RecordsUnavailableError
from vault.sql import is_postgresql, keep_private, open_postgresql, sqlite_path

BUSY_SECONDS: Final = 10
"""How long a transaction waits for another one."""

WRITERS: Final = int.from_bytes(b"consents")
"""The advisory lock of PostgreSQL that whoever writes holds; any fixed number that no other program locks."""


def open_records(place: Path | str, *, read_only: bool = False) -> Engine:
    """Open the records database: SQLite by path or `sqlite:///…`, PostgreSQL by `postgresql://…`.

    Each commit is on disk; who writes waits 10 s at most for others. Read only, nothing of the database changes.
    Raises `RecordsUnavailableError` for any other URL.
    """
    path = sqlite_path(place)
    if path is not None:
        return _open_sqlite(path, read_only=read_only)
    try:
        return open_postgresql(str(place), BUSY_SECONDS, read_only=read_only)
    except ValueError as error:
        raise RecordsUnavailableError(f"the records database's URL cannot be used: {error}") from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that no other one writes beside; raises `RecordsUnavailableError`."""
    with _translated():
        if is_postgresql(engine):
            with engine.begin() as connection:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")
                yield connection
        else:
            with _begun_in_sqlite(engine, "BEGIN IMMEDIATE") as connection:
                yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one state of the database throughout; raises `RecordsUnavailableError`."""
    with _translated():
        if is_postgresql(engine):
            with engine.connect() as connection:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                with connection.begin():
                    yield connection
        else:
            with _begun_in_sqlite(engine, "BEGIN") as connection:
                yield connection


def forget_order(engine: Engine) -> None:
    """Empty SQLite's write-ahead log if nobody is in the way. PostgreSQL's is its server's, and stays."""
    if is_postgresql(engine):
        return
    with suppress(RecordsUnavailableError), _translated(), engine.connect() as connection:
        for pragma in ("busy_timeout = 0", "wal_checkpoint(TRUNCATE)", f"busy_timeout = {BUSY_SECONDS * 1000}"):
            connection.exec_driver_sql(f"PRAGMA {pragma}")


def _open_sqlite(path: Path, *, read_only: bool) -> Engine:
    # isolation_level None: the driver begins nothing itself, `writing` and `reading` do. Parameters are personal: never
    # shown.
    arguments = {"timeout": BUSY_SECONDS, "isolation_level": None}
    if read_only:
        url = f"sqlite:///{path.absolute().as_uri()}?mode=ro&uri=true"
        return create_engine(url, connect_args=arguments, hide_parameters=True)
    engine = create_engine(f"sqlite:///{path}", connect_args=arguments, hide_parameters=True)
    keep_private(engine, path)
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def _begun_in_sqlite(engine: Engine, start: str) -> Iterator[Connection]:
    with engine.connect() as connection:
        connection.exec_driver_sql(start)
        try:
            yield connection
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error, PoolTimeoutError) as error:
        raise RecordsUnavailableError("the records database cannot be read or written now: see that it runs") from error
