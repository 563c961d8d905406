"""PostgreSQL through psycopg 3: an engine whose errors repeat neither a row's values nor the URL's password."""

from typing import Final

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import ArgumentError

SCHEMES: Final = ("postgresql", "postgresql+psycopg")
CONNECT_SECONDS: Final = 10


def open_postgresql(url: str, lock_seconds: int, *, read_only: bool = False) -> Engine:
    """Open a PostgreSQL database; nothing is connected to yet.

    Each commit is on disk before it returns; whoever waits for a lock fails after `lock_seconds`. Raises ValueError,
    which repeats nothing of the URL, when it is not one of PostgreSQL.
    """
    arguments = {
        "connect_timeout": CONNECT_SECONDS,
        "options": f"-c lock_timeout={lock_seconds}s -c synchronous_commit=on",
    }
    # Parameters are personal or keys: never shown. A connection that the server ended is found out before it is used.
    engine = create_engine(
        _parsed(url),
        connect_args=arguments,
        hide_parameters=True,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        execution_options={"postgresql_readonly": True} if read_only else {},
    )
    event.listen(engine, "handle_error", _without_values)
    return engine


def is_postgresql(engine: Engine) -> bool:
    """Say whether an engine speaks to PostgreSQL; otherwise it is SQLite's."""
    return engine.dialect.name == "postgresql"


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername not in SCHEMES:
        raise ValueError("not a URL of PostgreSQL: postgresql://user:password@host:port/database")
    return parsed.set(drivername="postgresql+psycopg")


def _without_values(context: ExceptionContext) -> None:
    """Cut an error down to its first line: the lines below it, and class 22's first, repeat what is in a row."""
    error = context.original_exception
    state = getattr(error, "sqlstate", None) or ""
    word = "a value does not fit its column" if state.startswith("22") else str(error).partition("\n")[0]
    error.args = (word,)
    if context.sqlalchemy_exception is not None:
        context.sqlalchemy_exception.args = (f"{type(error).__name__}: {word}",)
