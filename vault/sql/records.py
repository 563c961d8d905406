"""Statements on sealed records; the connection is the caller's, and so are its errors and its transaction.

Three statements run for every record there is, so they are written out for each database and go past SQLAlchemy, to the
driver.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, func, select, update

from vault.sql.batches import in_batches
from vault.sql.statements import POSTGRESQL, driver_cursor, fetched
from vault.tables import vault_derived, vault_parts, vault_records


class State(StrEnum):
    """What a version is: the one that is read, one that a later one took the place of, or a withdrawal."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class SealedRecord(NamedTuple):
    """One version of a record at rest, as its row is: `0x01 || ciphertext`, and what its context is made of."""

    subject: str
    record_id: str
    version: int
    category: str
    state: str
    sealed: bytes


Place = tuple[str, str]
"""A subject and one of their record ids."""

Row = tuple[str, str, int, str, str, bytes]
"""A plain tuple in the order of `SealedRecord`'s fields."""

_INSERT: Final = (
    "INSERT INTO vault_records (subject, record_id, version, category, state, sealed) VALUES (?, ?, ?, ?, ?, ?)"
)
_COPY: Final = "COPY vault_records (subject, record_id, version, category, state, sealed) FROM STDIN (FORMAT BINARY)"
_TYPES: Final = ("text", "text", "int4", "text", "text", "bytea")

# One parameter for a list of any length: the statement is prepared once.
_NEWEST: Final = """
SELECT subject, record_id, version, category, state, sealed
FROM (SELECT json_extract(value, '$[0]') AS s, json_extract(value, '$[1]') AS r FROM json_each(?))
CROSS JOIN vault_records ON subject = s AND record_id = r
WHERE state <> 'superseded'
"""
_NEWEST_POSTGRESQL: Final = """
SELECT subject, record_id, version, category, state, sealed
FROM unnest(%s::text[], %s::text[]) AS asked (s, r)
JOIN vault_records ON subject = s AND record_id = r
WHERE state <> 'superseded'
"""
_CURRENT: Final = """
SELECT subject, record_id, version, category, state, sealed
FROM vault_records
WHERE subject IN (SELECT value FROM json_each(?))
AND category IN (SELECT value FROM json_each(?))
AND state = 'current'
ORDER BY subject, record_id
"""
_CURRENT_POSTGRESQL: Final = """
SELECT subject, record_id, version, category, state, sealed
FROM vault_records
WHERE subject = ANY(%s) AND category = ANY(%s) AND state = 'current'
ORDER BY subject, record_id
"""
_SUPERSEDE: Final = (
    update(vault_records)
    .where(
        vault_records.c.subject == bindparam("of"),
        vault_records.c.record_id == bindparam("record"),
        vault_records.c.version == bindparam("which"),
    )
    .values(state=State.SUPERSEDED.value)
)


def add_records(connection: Connection, records: Iterable[SealedRecord]) -> None:
    """Store new versions as they come; by COPY on PostgreSQL, where that takes a third of the time."""
    with driver_cursor(connection) as cursor:
        if connection.dialect.name == POSTGRESQL:
            with cursor.copy(_COPY) as copy:
                copy.set_types(_TYPES)
                for record in records:
                    copy.write_row(record)
        else:
            cursor.executemany(_INSERT, records)


def newest_versions(connection: Connection, places: Sequence[Place]) -> list[SealedRecord]:
    """Return the newest version of each of these records that has one, in no order."""
    if not places:
        return []
    if connection.dialect.name == POSTGRESQL:
        rows = fetched(connection, _NEWEST_POSTGRESQL, [list(column) for column in zip(*places, strict=True)])
    else:
        rows = fetched(connection, _NEWEST, [json.dumps(places)])
    return [SealedRecord._make(row) for row in rows]


def current_records(connection: Connection, subjects: Sequence[str], categories: Collection[str]) -> list[Row]:
    """Return the current records of some subjects and categories, a subject's together and by record id."""
    if connection.dialect.name == POSTGRESQL:
        return fetched(connection, _CURRENT_POSTGRESQL, [list(subjects), list(categories)])
    return fetched(connection, _CURRENT, [json.dumps(list(subjects)), json.dumps(list(categories))])


def count_current(connection: Connection, subject: str) -> dict[str, int]:
    """Return how many current records one subject has of each category of which any version is kept."""
    of = vault_records.c
    counted = func.sum(case((of.state == State.CURRENT.value, 1), else_=0))
    query = select(of.category, counted).where(of.subject == subject).group_by(of.category)
    return {category: int(number) for category, number in connection.execute(query)}


def every_version(connection: Connection, subject: str, categories: Collection[str]) -> Iterator[SealedRecord]:
    """Yield every version of one subject's records of some categories, by category, record id and version."""
    of = vault_records.c
    wanted = select(vault_records).where(of.subject == subject, of.category.in_(sorted(categories)))
    for row in connection.execute(wanted.order_by(of.category, of.record_id, of.version)):
        yield SealedRecord._make(row)


def version_of(connection: Connection, subject: str, record_id: str, version: int) -> SealedRecord | None:
    """Return one version of a record, None when it is not there."""
    of = vault_records.c
    wanted = select(vault_records).where(of.subject == subject, of.record_id == record_id, of.version == version)
    row = connection.execute(wanted).one_or_none()
    return None if row is None else SealedRecord._make(row)


def supersede(connection: Connection, records: Iterable[SealedRecord]) -> None:
    """Mark stored versions as superseded."""
    which = [{"of": r.subject, "record": r.record_id, "which": r.version} for r in records]
    if which:
        connection.execute(_SUPERSEDE, which)


def subjects_among(connection: Connection, subjects: Collection[str]) -> set[str]:
    """Return those of these subjects of whom any record lies here, or a row derived from records."""
    return {
        one
        for batch in in_batches(sorted(subjects))
        for table in (vault_records, vault_derived)
        for one in connection.scalars(select(table.c.subject).distinct().where(table.c.subject.in_(batch)))
    }


def delete_records(connection: Connection, subjects: Sequence[str]) -> None:
    """Delete every record of some subjects, every part of their attachments, and what was derived from them."""
    for table in (vault_derived, vault_parts, vault_records):
        for batch in in_batches(subjects):
            connection.execute(delete(table).where(table.c.subject.in_(batch)))
