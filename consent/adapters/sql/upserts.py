"""`INSERT … ON CONFLICT`, which SQLite and PostgreSQL share and SQLAlchemy has once for each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Rows = Sequence[dict[str, Any]]


def insert_or_leave(connection: Connection, table: Table, rows: Rows) -> None:
    """Store rows; one whose key is there already stays as it is."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)


def insert_or_change(connection: Connection, table: Table, rows: Rows, changed: Sequence[str]) -> None:
    """Store rows; of one whose key is there already the columns `changed` take the new values."""
    if rows:
        statement = _insert(connection, table)
        values = {name: statement.excluded[name] for name in changed}
        keys = list(table.primary_key.columns)
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), rows)


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
