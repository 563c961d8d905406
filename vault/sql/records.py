"""Statements on sealed records; the connection is the caller's, and so are its errors and its transaction."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from vault.sql.batches import in_batches
from vault.tables import vault_records


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """One record at rest: `0x01 || ciphertext`, and beside it what its context is made of."""

    record_id: str
    subject: str
    category: str
    version: int
    sealed: bytes


def add_records(connection: Connection, records: Sequence[SealedRecord]) -> None:
    """Store new records."""
    rows = [
        {
            "record_id": r.record_id,
            "subject": r.subject,
            "category": r.category,
            "version": r.version,
            "sealed": r.sealed,
        }
        for r in records
    ]
    if rows:
        connection.execute(insert(vault_records), rows)


def latest_versions(connection: Connection, subjects: Sequence[str]) -> dict[tuple[str, str], int]:
    """Return the newest version of each subject and category that has one."""
    of = (vault_records.c.subject, vault_records.c.category)
    latest = select(*of, func.max(vault_records.c.version).label("version")).group_by(*of)
    return {
        (row.subject, row.category): row.version
        for batch in in_batches(subjects)
        for row in connection.execute(latest.where(vault_records.c.subject.in_(batch)))
    }


def records_of(connection: Connection, subjects: Sequence[str], categories: Collection[str]) -> Iterator[SealedRecord]:
    """Yield the records of some subjects and categories; each subject's by category and version."""
    table = vault_records.c
    wanted = select(vault_records).where(table.subject.in_(subjects), table.category.in_(sorted(categories)))
    for row in connection.execute(wanted.order_by(table.subject, table.category, table.version)):
        yield SealedRecord(row.record_id, row.subject, row.category, row.version, row.sealed)


def delete_records(connection: Connection, subjects: Sequence[str]) -> None:
    """Delete every record of some subjects."""
    for batch in in_batches(subjects):
        connection.execute(delete(vault_records).where(vault_records.c.subject.in_(batch)))
