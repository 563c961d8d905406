"""The records database as a `Store`: one transaction at a time writes, every commit is on disk before it returns."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import Connection, Engine

from consent.adapters.sql import engines
from consent.adapters.sql.accounts import SqlAccounts
from consent.adapters.sql.api_tokens import SqlApiTokens
from consent.adapters.sql.certificates import SqlCertificates
from consent.adapters.sql.clients import SqlClients
from consent.adapters.sql.consents import SqlConsents, SqlPatients
from consent.adapters.sql.desk import SqlAnswers, SqlCohorts
from consent.adapters.sql.drafts import SqlDrafts
from consent.adapters.sql.jobs import SqlJobs
from consent.adapters.sql.log import SqlAuditLog
from consent.adapters.sql.notices import SqlNotices
from consent.adapters.sql.outbox import SqlModelActs, SqlOutboxRows, SqlTransactions
from consent.adapters.sql.projection import SqlProjection
from consent.adapters.sql.replacements import SqlReplacements
from consent.adapters.sql.reports import SqlReports
from consent.adapters.sql.row_macs import RowMacs
from consent.adapters.sql.sessions import SqlSessions
from consent.adapters.sql.staff import SqlStaff
from consent.adapters.sql.studies import SqlStudies
from consent.adapters.sql.wishes import SqlWishes


@dataclass(frozen=True)
class SqlUnit:
    """One transaction; each property is a port's adapter on its connection."""

    connection: Connection
    macs: RowMacs = field(default_factory=RowMacs)

    @cached_property
    def patients(self) -> SqlPatients:
        """Who is enrolled."""
        return SqlPatients(self.connection)

    @cached_property
    def log(self) -> SqlAuditLog:
        """The log."""
        return SqlAuditLog(self.connection)

    @cached_property
    def certificates(self) -> SqlCertificates:
        """Certificates of the log's checkpoints."""
        return SqlCertificates(self.connection)

    @cached_property
    def consents(self) -> SqlConsents:
        """The signed consents."""
        return SqlConsents(self.connection)

    @cached_property
    def outbox(self) -> SqlOutboxRows:
        """What waits for the ledger."""
        return SqlOutboxRows(self.connection)

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

    @cached_property
    def sessions(self) -> SqlSessions:
        """Who is signed in."""
        return SqlSessions(self.connection, self.macs)

    @cached_property
    def accounts(self) -> SqlAccounts:
        """What people sign in with."""
        return SqlAccounts(self.connection, self.macs)

    @cached_property
    def reports(self) -> SqlReports:
        """What people reported."""
        return SqlReports(self.connection)

    @cached_property
    def notices(self) -> SqlNotices:
        """Letters that wait."""
        return SqlNotices(self.connection)

    @cached_property
    def replacements(self) -> SqlReplacements:
        """New keys that wait."""
        return SqlReplacements(self.connection)

    @cached_property
    def wishes(self) -> SqlWishes:
        """What people wish to be asked."""
        return SqlWishes(self.connection)

    @cached_property
    def cohorts(self) -> SqlCohorts:
        """Cohorts that studies keep."""
        return SqlCohorts(self.connection)

    @cached_property
    def answers(self) -> SqlAnswers:
        """What was answered to requests with a key."""
        return SqlAnswers(self.connection)

    @cached_property
    def clients(self) -> SqlClients:
        """Which programs may ask, with which keys and for which studies."""
        return SqlClients(self.connection, self.macs)

    @cached_property
    def api_tokens(self) -> SqlApiTokens:
        """What lets a program ask."""
        return SqlApiTokens(self.connection, self.macs)

    @cached_property
    def staff(self) -> SqlStaff:
        """Operators and auditors who sign in."""
        return SqlStaff(self.connection, self.macs)

    @cached_property
    def drafts(self) -> SqlDrafts:
        """Studies that nobody approved yet."""
        return SqlDrafts(self.connection, self.macs)


@dataclass(frozen=True)
class SqlStore:
    """The records database behind the `Store` port; without a key for `macs` nobody's sign-in is read or written."""

    engine: Engine
    macs: RowMacs = field(default_factory=RowMacs)

    def begin(self) -> AbstractContextManager[SqlUnit]:
        """Open a transaction that writes; it holds the only write lock from its first statement on."""
        return _unit(engines.writing(self.engine), self.macs)

    def reading(self) -> AbstractContextManager[SqlUnit]:
        """Open a transaction that sees one state of the database throughout."""
        return _unit(engines.reading(self.engine), self.macs)

    def forget_order(self) -> None:
        """Write SQLite's write-ahead log back and empty it; who is in the way is not waited for, a failure is none."""
        engines.forget_order(self.engine)


@contextmanager
def _unit(transaction: AbstractContextManager[Connection], macs: RowMacs) -> Iterator[SqlUnit]:
    with transaction as connection:
        yield SqlUnit(connection, macs)
