"""Statements on the keys database: epochs with their states, and the store of wrapped keys that each one has."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Connection, Dialect, Select, String, any_, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from vault.sql.batches import in_batches
from vault.tables import key_epochs, wrapped_keys

PAGE = 1000

# Built once: making a statement takes longer than running it, and these run for every sealed part.
_LIVE = select(key_epochs).where(key_epochs.c.state == "live")


class EpochState(StrEnum):
    """Where an epoch stands: one is live, and every other is on its way out."""

    DRAFT = "draft"
    LIVE = "live"
    DOOMED = "doomed"


@dataclass(frozen=True, slots=True)
class StoredEpoch:
    """One epoch: its number from 1, its state, and the 16-byte check value of its key (empty in a draft)."""

    number: int
    state: EpochState
    check: bytes


class WrappedKey(NamedTuple):
    """A patient's key at rest: wrapped under its epoch's key, and the 16-byte check value of the key itself."""

    subject: str
    wrapped: bytes
    check: bytes


def epochs(connection: Connection) -> list[StoredEpoch]:
    """Return every epoch that still leaves a trace, by number."""
    rows = connection.execute(select(key_epochs).order_by(key_epochs.c.number))
    return [StoredEpoch(row.number, EpochState(row.state), row.check) for row in rows]


def live_epoch(connection: Connection) -> StoredEpoch | None:
    """Return the live epoch, None before the first."""
    row = connection.execute(_LIVE).one_or_none()
    return None if row is None else StoredEpoch(row.number, EpochState.LIVE, row.check)


def draft_epoch(connection: Connection) -> int:
    """Note that the next epoch is being made; return its number."""
    number: int = connection.execute(select(func.coalesce(func.max(key_epochs.c.number), 0) + 1)).scalar_one()
    connection.execute(insert(key_epochs).values(number=number, state=EpochState.DRAFT, check=b""))
    return number


def add_epoch(connection: Connection, epoch: StoredEpoch) -> None:
    """Note an epoch as it is."""
    row = {"number": epoch.number, "state": epoch.state, "check": epoch.check}
    connection.execute(insert(key_epochs), row)


def make_live(connection: Connection, number: int, check: bytes) -> None:
    """Put a drafted epoch in the place of the live one, which is doomed from then on."""
    live = key_epochs.c.state == EpochState.LIVE
    connection.execute(update(key_epochs).where(live).values(state=EpochState.DOOMED))
    drafted = key_epochs.c.number == number
    connection.execute(update(key_epochs).where(drafted).values(state=EpochState.LIVE, check=check))


def forget_epoch(connection: Connection, number: int) -> None:
    """Drop an epoch's store and its row, once nobody reads any more."""
    if connection.dialect.name == "postgresql":  # SQLite's writer is alone when it commits
        connection.exec_driver_sql("LOCK TABLE key_epochs IN ACCESS EXCLUSIVE MODE")
    wrapped_keys(number).drop(connection, checkfirst=True)
    connection.execute(delete(key_epochs).where(key_epochs.c.number == number))


def create_store(connection: Connection, epoch: int) -> None:
    """Make the empty store of an epoch."""
    wrapped_keys(epoch).create(connection)


def add_keys(connection: Connection, epoch: int, keys: Sequence[WrappedKey]) -> None:
    """Store new wrapped keys, by COPY on PostgreSQL."""
    if not keys:
        return
    if connection.dialect.name == "postgresql":
        _copy_in(connection, epoch, keys)
    else:
        # As tuples: the driver takes them as they are.
        connection.exec_driver_sql(_insertion(epoch, connection.dialect), keys)


def keys_of(connection: Connection, epoch: int, subjects: Sequence[str]) -> list[WrappedKey]:
    """Return the wrapped keys of those among `subjects` who have one, in no order."""
    on_postgresql = connection.dialect.name == "postgresql"
    statement = _of_array(epoch) if on_postgresql else _of_json(epoch)
    asked = list(subjects) if on_postgresql else json.dumps(list(subjects))
    return [WrappedKey._make(row) for row in connection.execute(statement, {"subjects": asked})]


def every_key(connection: Connection, epoch: int) -> Iterator[list[WrappedKey]]:
    """Yield a whole store in batches, by subject."""
    statement = _page(epoch)
    last = ""
    while rows := connection.execute(statement, {"after": last}).all():
        yield [WrappedKey._make(row) for row in rows]
        last = rows[-1].subject


def subjects_of(connection: Connection, epoch: int) -> list[str]:
    """Return who has a key in an epoch's store, in order."""
    subject = wrapped_keys(epoch).c.subject
    return list(connection.execute(select(subject).order_by(subject)).scalars())


def delete_keys(connection: Connection, epoch: int, subjects: Sequence[str]) -> int:
    """Delete the wrapped keys of some subjects; return how many there were."""
    table = wrapped_keys(epoch)
    return sum(
        connection.execute(delete(table).where(table.c.subject.in_(batch))).rowcount for batch in in_batches(subjects)
    )


def count_keys(connection: Connection, epoch: int) -> int:
    """Return how many keys an epoch's store holds."""
    count: int = connection.execute(select(func.count()).select_from(wrapped_keys(epoch))).scalar_one()
    return count


def _copy_in(connection: Connection, epoch: int, keys: Sequence[WrappedKey]) -> None:
    from psycopg.sql import SQL, Identifier  # noqa: PLC0415  # only where PostgreSQL is used

    statement = SQL("COPY {} (subject, wrapped, {}) FROM STDIN (FORMAT BINARY)")
    cursor: Any = connection.connection.cursor()
    try:
        with cursor.copy(statement.format(Identifier(wrapped_keys(epoch).name), Identifier("check"))) as copy:
            copy.set_types(("text", "bytea", "bytea"))
            for key in keys:
                copy.write_row(key)
    except connection.dialect.loaded_dbapi.Error as error:
        # As SQLAlchemy raises it, without the driver's words: they may repeat what is in a row.
        raise DBAPIError(None, None, error.__class__("wrapped keys could not be stored")) from None
    finally:
        cursor.close()


@cache
def _insertion(epoch: int, dialect: Dialect) -> str:
    return str(insert(wrapped_keys(epoch)).compile(dialect=dialect))


@cache
def _page(epoch: int) -> Select[tuple[str, bytes, bytes]]:
    table = wrapped_keys(epoch)
    # From the last subject on, so that each page is found by the key: a cursor would hold the whole store.
    return select(table).where(table.c.subject > bindparam("after")).order_by(table.c.subject).limit(PAGE)


@cache
def _of_json(epoch: int) -> Select[tuple[str, bytes, bytes]]:
    # One parameter for subjects of any number: the statement is made once.
    table = wrapped_keys(epoch)
    return select(table).where(table.c.subject.in_(select(func.json_each(bindparam("subjects")).table_valued("value"))))


@cache
def _of_array(epoch: int) -> Select[tuple[str, bytes, bytes]]:
    table = wrapped_keys(epoch)
    return select(table).where(table.c.subject == any_(bindparam("subjects", type_=ARRAY(String))))
