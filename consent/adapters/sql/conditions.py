"""How a deployment is, counted in SQL: numbers that name nobody, read without the write lock."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, func, select

from consent.adapters.sql.log import SqlAuditLog
from consent.adapters.sql.notices import SqlNotices
from consent.adapters.sql.store import SqlStore
from consent.adapters.sql.tables import checkpoints, entries, jobs, outbox, projection_head, transactions
from consent.domain.telling import said
from consent.ports import Condition


@dataclass(frozen=True)
class SqlConditions:
    """`Conditions` over the records database."""

    store: SqlStore

    def condition(self, now: datetime) -> Condition:
        """Return the condition now; raise `RecordsUnavailableError` when the database does not answer."""
        with self.store.reading() as unit:
            return _condition(unit.connection, int(now.timestamp()))


def _condition(connection: Connection, now: int) -> Condition:
    head = connection.execute(select(projection_head)).one_or_none()
    last = connection.scalar(select(func.max(entries.c.index)))
    size = 0 if last is None else last + 1
    signed = connection.scalar(select(func.max(checkpoints.c.size))) or 0
    waiting = select(func.min(jobs.c.not_before)).where(jobs.c.state == "waiting")
    return Condition(
        head_block=head.block if head else None,
        final_block=head.final_block if head else None,
        head_age=now - min(head.read_at, head.block_time) if head else None,
        matches=bool(head and head.matches),
        outbox=_counts(connection, outbox.c.errand),
        outbox_overdue=_since(connection.scalar(select(func.min(outbox.c.due))), now),
        jobs=_counts(connection, jobs.c.state),
        oldest_waiting_job=_since(connection.scalar(waiting), now),
        log_entries=size,
        unsigned_entries=size - signed,
        pending_transactions=_counts(connection, transactions.c.role),
        anchor_lag=_anchor_lag(SqlAuditLog(connection), size, now),
        notices=SqlNotices(connection).waiting(),
    )


def _anchor_lag(log: SqlAuditLog, size: int, now: int) -> int:
    """Return how old the first entry behind the newest anchor is; one whose time cannot be read is as old as time."""
    covered = max((anchored.size for anchored in log.anchors() if anchored.size <= size), default=0)
    for entry in log.entries(covered, min(covered + 1, size)):
        time = (said(entry) or {}).get("time")
        return max(0, now - time) if type(time) is int else now
    return 0


def _counts(connection: Connection, column: Column[str]) -> dict[str, int]:
    rows = connection.execute(select(column, func.count()).group_by(column))
    return {name: number for name, number in rows}  # noqa: C416  # rows are no tuples to the type checker


def _since(second: int | None, now: int) -> int:
    return 0 if second is None else max(0, now - second)
