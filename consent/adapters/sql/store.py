"""The records database as a `Store`: one transaction at a time writes, every commit is on disk before it returns."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from consent.adapters.sql.consents import SqlConsents, SqlPatients
from consent.adapters.sql.jobs import SqlJobs
from consent.adapters.sql.log import SqlAuditLog
from consent.adapters.sql.outbox import SqlModelActs, SqlOutbox, SqlTransactions
from consent.adapters.sql.projection import SqlProjection
from consent.adapters.sql.studies import SqlStudies
from consent.domain.errors import RecordsUnavailableError

BUSY_SECONDS: Final = 10
"""How long a transaction waits for another one."""


def open_records(path: Path, *, read_only: bool = False) -> Engine:
    """Open the records database in SQLite: write-ahead log, each commit synced, waits 10 s for another writer.

    Read only, nothing of the file changes.
    """
    # isolation_level None: the driver begins nothing itself, `_transaction` does. Parameters are personal: never shown.
    arguments = {"timeout": BUSY_SECONDS, "isolation_level": None}
    if read_only:
        url = f"sqlite:///{path.absolute().as_uri()}?mode=ro&uri=true"
        return create_engine(url, connect_args=arguments, hide_parameters=True)
    engine = create_engine(f"sqlite:///{path}", connect_args=arguments, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@dataclass(frozen=True)
class SqlUnit:
    """One transaction; each property is a port's adapter on its connection."""

    connection: Connection

    @cached_property
    def patients(self) -> SqlPatients:
        """Who is enrolled."""
        return SqlPatients(self.connection)

    @cached_property
    def log(self) -> SqlAuditLog:
        """The log."""
        return SqlAuditLog(self.connection)

    @cached_property
    def consents(self) -> SqlConsents:
        """The signed consents."""
        return SqlConsents(self.connection)

    @cached_property
    def outbox(self) -> SqlOutbox:
        """What waits for the ledger."""
        return SqlOutbox(self.connection)

    @cached_property
    def model_acts(self) -> SqlModelActs:
        """What the model registry is to be told."""
        return SqlModelActs(self.connection)

    @cached_property
    def transactions(self) -> SqlTransactions:
        """What was sent to the chain and is not final there."""
        return SqlTransactions(self.connection)

    @cached_property
    def projection(self) -> SqlProjection:
        """Our copy of the ledger."""
        return SqlProjection(self.connection)

    @cached_property
    def studies(self) -> SqlStudies:
        """Studies and models."""
        return SqlStudies(self.connection)

    @cached_property
    def jobs(self) -> SqlJobs:
        """What waits for a worker."""
        return SqlJobs(self.connection)


@dataclass(frozen=True)
class SqlStore:
    """The records database behind the `Store` port."""

    engine: Engine

    def begin(self) -> AbstractContextManager[SqlUnit]:
        """Open a transaction that writes; it holds the only write lock from its first statement on."""
        return self._transaction("BEGIN IMMEDIATE")

    def reading(self) -> AbstractContextManager[SqlUnit]:
        """Open a transaction that sees one state of the database throughout."""
        return self._transaction("BEGIN")

    def forget_order(self) -> None:
        """Write the write-ahead log back and empty it; who is in the way is not waited for, and a failure is none."""
        with suppress(RecordsUnavailableError), self._translated(), self.engine.connect() as connection:
            for pragma in ("busy_timeout = 0", "wal_checkpoint(TRUNCATE)", f"busy_timeout = {BUSY_SECONDS * 1000}"):
                connection.exec_driver_sql(f"PRAGMA {pragma}")

    @contextmanager
    def _transaction(self, start: str) -> Iterator[SqlUnit]:
        with self._translated(), self._begun(start) as unit:
            yield unit

    @staticmethod
    @contextmanager
    def _translated() -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            raise RecordsUnavailableError("the records database cannot be read or written now") from error

    @contextmanager
    def _begun(self, start: str) -> Iterator[SqlUnit]:
        with self.engine.connect() as connection:
            connection.exec_driver_sql(start)
            try:
                yield SqlUnit(connection)
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
