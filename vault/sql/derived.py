"""Statements on derived rows; the connection is the caller's. What runs for every row goes past SQLAlchemy."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, select

from vault.sql.batches import in_batches
from vault.sql.statements import POSTGRESQL, driver_cursor, fetched
from vault.tables import vault_derived, vault_records


class SealedRow(NamedTuple):
    """One derived row at rest: whose, its id (32 hex digits), and `0x01 || ciphertext`."""

    subject: str
    derived_id: str
    sealed: bytes


_AT: Final = """
SELECT subject, sealed
FROM json_each(?)
CROSS JOIN vault_derived ON subject = key AND derived_id = value
"""
_AT_POSTGRESQL: Final = """
SELECT subject, sealed
FROM unnest(%s::text[], %s::text[]) AS asked (s, d)
JOIN vault_derived ON subject = s AND derived_id = d
"""
_PUT: Final = "INSERT INTO vault_derived (subject, derived_id, sealed) VALUES (?, ?, ?)"
_PUT_POSTGRESQL: Final = "INSERT INTO vault_derived (subject, derived_id, sealed) VALUES (%s, %s, %s)"
_REPLACING: Final = " ON CONFLICT (subject, derived_id) DO UPDATE SET sealed = excluded.sealed"


def derived_at(connection: Connection, ids: Mapping[str, str]) -> dict[str, bytes]:
    """Return the sealed row of each subject who has one under the id given for them."""
    if connection.dialect.name == POSTGRESQL:
        return dict(fetched(connection, _AT_POSTGRESQL, [list(ids), list(ids.values())]))
    return dict(fetched(connection, _AT, [json.dumps(ids)]))


def put_derived(connection: Connection, rows: Sequence[SealedRow]) -> None:
    """Store rows, each in the place of what was there under its id."""
    if rows:
        put = _PUT_POSTGRESQL if connection.dialect.name == POSTGRESQL else _PUT
        with driver_cursor(connection) as cursor:
            cursor.executemany(put + _REPLACING, rows)


def drop_derived(connection: Connection, subjects: Iterable[str]) -> None:
    """Delete every derived row of some subjects."""
    for batch in in_batches(list(dict.fromkeys(subjects))):
        connection.execute(delete(vault_derived).where(vault_derived.c.subject.in_(batch)))


def subjects_with(connection: Connection, subjects: Sequence[str], fewest: int) -> list[str]:
    """Return those of these subjects who have at least `fewest` derived rows."""
    subject = vault_derived.c.subject
    counted = select(subject).where(subject.in_(subjects)).group_by(subject).having(func.count() >= fewest)
    return list(connection.scalars(counted))


def count_versions(connection: Connection, subjects: Sequence[str]) -> dict[str, int]:
    """Return how many versions of records each of these subjects has, old ones and withdrawals too, if any.

    Versions are added and never taken away while a subject's key lives: an equal number says that nothing came in.
    """
    subject = vault_records.c.subject
    counted = select(subject, func.count()).where(subject.in_(subjects)).group_by(subject)
    return {row[0]: row[1] for row in connection.execute(counted)}
