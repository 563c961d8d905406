"""The driver's own cursor, for the few statements that run for every record or row: they go past SQLAlchemy."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

POSTGRESQL: Final = "postgresql"


def fetched(connection: Connection, statement: str, values: list[Any]) -> list[Any]:
    """Return all rows of a statement in the driver's dialect, as plain tuples."""
    with driver_cursor(connection) as cursor:
        cursor.execute(statement, values)
        rows: list[Any] = cursor.fetchall()
        return rows


@contextmanager
def driver_cursor(connection: Connection) -> Iterator[Any]:  # the driver's own: SQLAlchemy's type knows no COPY
    """Give the driver's cursor within the connection's transaction; errors are SQLAlchemy's, without a row's words."""
    driver = connection.connection
    # Binary: psycopg otherwise takes every blob as hex digits.
    cursor: Any = driver.cursor(binary=True) if connection.dialect.name == POSTGRESQL else driver.cursor()
    try:
        yield cursor
    except connection.dialect.loaded_dbapi.Error as error:
        # As SQLAlchemy raises it, without the driver's words: they may repeat what is in a row.
        raise DBAPIError(None, None, error.__class__("a statement on sealed records failed")) from None
    finally:
        cursor.close()
