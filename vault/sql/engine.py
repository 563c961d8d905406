"""The keys database as an engine: nothing deleted stays legible in it, and whoever writes is alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from vault.errors import KeysUnavailableError

_PRAGMAS = (
    "journal_mode=DELETE",  # a write-ahead log would keep old wrapped keys
    "secure_delete=ON",  # deleted rows are overwritten
    "synchronous=EXTRA",  # the switch to a new epoch is on disk before the old one is destroyed
    "temp_store=MEMORY",  # no sort spills keys to a file of its own
)
_READING = "keys_reading"


def open_keys(path: Path) -> Engine:
    """Open the SQLite database of wrapped keys; what `begin` opens writes, alone, after waiting 30 s at most."""
    # isolation_level None: the driver begins nothing by itself, `_begin` does. Parameters are keys: never shown.
    arguments = {"timeout": 30, "isolation_level": None}
    engine = create_engine(f"sqlite:///{path}", connect_args=arguments, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one state of the keys; raises `KeysUnavailableError`."""
    with _translated(), engine.connect() as connection:
        connection.execution_options(**{_READING: True})
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that no other writer runs beside: all of it is kept, or none.

    Raises `KeysUnavailableError`.
    """
    with _translated(), engine.begin() as connection:
        yield connection


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise KeysUnavailableError(f"the keys database failed: {error.orig}") from error
