"""The keys database as an engine: whoever writes is alone, and SQLite keeps nothing legible of what is deleted.

PostgreSQL keeps deleted bytes in its heap and write-ahead log: there as everywhere, only an epoch's death erases.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from vault.errors import KeysUnavailableError
from vault.sql.places import keep_private, sqlite_path
from vault.sql.postgresql import is_postgresql, open_postgresql

LOCK_SECONDS: Final = 30
"""How long a transaction waits for another one."""

_PRAGMAS = (
    "journal_mode=DELETE",  # a write-ahead log would keep old wrapped keys
    "secure_delete=ON",  # deleted rows are overwritten
    "synchronous=EXTRA",  # the switch to a new epoch is on disk before the old one is destroyed
    "temp_store=MEMORY",  # no sort spills keys to a file of its own
)
_READING = "keys_reading"


def open_keys(place: Path | str) -> Engine:
    """Open the database of wrapped keys: SQLite by path or `sqlite:///…`, PostgreSQL by `postgresql://…`.

    Who writes waits 30 s at most for others. Raises `KeysUnavailableError` for any other URL.
    """
    path = sqlite_path(place)
    if path is not None:
        return _open_sqlite(path)
    try:
        return open_postgresql(str(place), LOCK_SECONDS)
    except ValueError as error:
        raise KeysUnavailableError(f"the keys database's URL cannot be used: {error}") from error


@contextmanager
def reading(engine: Engine, *, one_state: bool = False) -> Iterator[Connection]:
    """Open a transaction that reads, of one epoch throughout; raises `KeysUnavailableError`.

    With `one_state` it sees no key that others add or delete meanwhile: for whoever reads more than once.

    On PostgreSQL that rests on its first statement reading `key_epochs`: the lock that this leaves lasts to the end of
    the transaction, and `forget_epoch` waits for it before it drops a store.
    """
    with _translated(), engine.connect() as connection:
        connection.execution_options(**_reading_options(engine, one_state=one_state))
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that no other writer runs beside: all of it is kept, or none.

    Raises `KeysUnavailableError`.
    """
    with _translated(), engine.begin() as connection:
        if is_postgresql(engine):
            connection.exec_driver_sql("LOCK TABLE key_epochs IN EXCLUSIVE MODE")
        yield connection


def _open_sqlite(path: Path) -> Engine:
    # isolation_level None: the driver begins nothing by itself, `_begin` does. Parameters are keys: never shown.
    arguments = {"timeout": LOCK_SECONDS, "isolation_level": None}
    engine = create_engine(f"sqlite:///{path}", connect_args=arguments, hide_parameters=True)
    keep_private(engine, path)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _reading_options(engine: Engine, *, one_state: bool) -> dict[str, object]:
    if not is_postgresql(engine):
        return {_READING: True}  # SQLite's readers see one state always
    return {"postgresql_readonly": True} | ({"isolation_level": "REPEATABLE READ"} if one_state else {})


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
        raise KeysUnavailableError("the keys database cannot be read or written now: see that it runs") from error
    except PoolTimeoutError as error:
        raise KeysUnavailableError("too many readers of the keys database at once: try again") from error
