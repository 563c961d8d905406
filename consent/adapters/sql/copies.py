"""Backups: every row of a database, table by table, in a SQLite file of its own, whatever the database is.

Rows come in the order of their keys, so a backup keeps no trace of when each arrived, and no page of deleted rows or
journal comes with it. It has the schema of the code that made it; `restore` brings an older one up to date first.
"""

import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, Table, create_engine, func, insert, select
from sqlalchemy.pool import NullPool

import migrations
from consent.domain.errors import ConsentError

AT_ONCE: Final = 2_000


class BackupError(ConsentError):
    """The backup could not be made or does not hold what it should; the message says what to do."""


def back_up(source: Connection, history: migrations.History, tables: Sequence[Table], target: Path) -> int:
    """Write every row of `tables` to a new SQLite file, mode 0600, synced; return how many rows that were.

    `source` is in a transaction that sees one state throughout. Raises `BackupError` when there is such a file already.
    """
    draft = target.with_suffix(".part")
    draft.unlink(missing_ok=True)
    if target.exists():
        raise BackupError("a backup of this name is there already: name another folder")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    engine = create_engine(f"sqlite:///{draft}", hide_parameters=True, poolclass=NullPool)
    migrations.upgrade(engine, history)
    with engine.begin() as connection:
        rows = copy_rows(source, connection, tables)
    _require_same(source, engine, tables)
    engine.dispose()
    _sync(draft)
    draft.replace(target)
    _sync(target.parent)
    return rows


def copy_rows(source: Connection, target: Connection, tables: Iterable[Table]) -> int:
    """Replace the rows of each of these tables in `target`; return how many rows there are now."""
    copied = 0
    for table in tables:
        target.execute(table.delete())
        for rows in source.execute(select(table).order_by(*table.primary_key.columns)).partitions(AT_ONCE):
            target.execute(insert(table), [dict(row._mapping) for row in rows])  # noqa: SLF001  # public API
            copied += len(rows)
        _count_on(target, table)
    return copied


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows after those that were copied in."""
    numbered = table.autoincrement_column
    if numbered is not None and numbered.autoincrement is not False and connection.dialect.name == "postgresql":
        last = select(func.max(numbered)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(table.name, numbered.name)
        connection.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))


def _require_same(source: Connection, engine: Engine, tables: Iterable[Table]) -> None:
    """Read the copy back: whole, and every row as it was, in whatever order the two databases give them."""
    with engine.connect() as copy:
        if copy.exec_driver_sql("PRAGMA integrity_check").scalar_one() != "ok":
            raise BackupError("the backup does not read back: write it to another disk")
        for table in tables:
            if _digest(source, table) != _digest(copy, table):
                raise BackupError("the backup is not what was written: write it to another disk")


def _digest(connection: Connection, table: Table) -> int:
    """Return the sum of all rows' SHA-256, and so their number and contents without their order."""
    rows = connection.execution_options(yield_per=AT_ONCE).execute(select(table))
    return sum(int.from_bytes(sha256(repr(tuple(row)).encode()).digest()) for row in rows)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
