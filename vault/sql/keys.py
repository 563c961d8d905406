"""Statements on the keys database: epochs with their states, and the store of wrapped keys that each one has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

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


@dataclass(frozen=True, slots=True)
class WrappedKey:
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


def make_live(connection: Connection, number: int, check: bytes) -> None:
    """Put a drafted epoch in the place of the live one, which is doomed from then on."""
    live = key_epochs.c.state == EpochState.LIVE
    connection.execute(update(key_epochs).where(live).values(state=EpochState.DOOMED))
    drafted = key_epochs.c.number == number
    connection.execute(update(key_epochs).where(drafted).values(state=EpochState.LIVE, check=check))


def forget_epoch(connection: Connection, number: int) -> None:
    """Drop an epoch's store and its row."""
    wrapped_keys(number).drop(connection, checkfirst=True)
    connection.execute(delete(key_epochs).where(key_epochs.c.number == number))


def create_store(connection: Connection, epoch: int) -> None:
    """Make the empty store of an epoch."""
    wrapped_keys(epoch).create(connection)


def add_keys(connection: Connection, epoch: int, keys: Sequence[WrappedKey]) -> None:
    """Store new wrapped keys."""
    if keys:
        rows = [{"subject": key.subject, "wrapped": key.wrapped, "check": key.check} for key in keys]
        connection.execute(insert(wrapped_keys(epoch)), rows)


def keys_of(connection: Connection, epoch: int, subjects: Sequence[str]) -> list[WrappedKey]:
    """Return the wrapped keys of those among `subjects` who have one, in no order."""
    statement = _of_subjects(epoch)
    return [
        WrappedKey(row.subject, row.wrapped, row.check)
        for batch in in_batches(subjects)
        for row in connection.execute(statement, {"subjects": batch})
    ]


def every_key(connection: Connection, epoch: int) -> Iterator[list[WrappedKey]]:
    """Yield a whole store in batches, by subject."""
    table = wrapped_keys(epoch)
    for rows in connection.execute(select(table).order_by(table.c.subject)).partitions(PAGE):
        yield [WrappedKey(row.subject, row.wrapped, row.check) for row in rows]


def count_keys(connection: Connection, epoch: int) -> int:
    """Return how many keys an epoch's store holds."""
    count: int = connection.execute(select(func.count()).select_from(wrapped_keys(epoch))).scalar_one()
    return count


@cache
def _of_subjects(epoch: int) -> Select[tuple[str, bytes, bytes]]:
    table = wrapped_keys(epoch)
    return select(table).where(table.c.subject.in_(bindparam("subjects", expanding=True)))
