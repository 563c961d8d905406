"""Databases for tests: SQLite's files, and those of one real PostgreSQL server that lives as long as the tests.

A folder whose databases are PostgreSQL's holds a note of their URLs, so that whoever opens it again finds them.
"""

import atexit
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, create_engine, make_url

import migrations
from consent.adapters.sql import open_records
from consent.settings import Databases
from vault import open_keys

Kind = Literal["sqlite", "postgresql"]
KINDS: Final[tuple[Kind, ...]] = ("sqlite", "postgresql")
NOTE: Final = "databases.json"

_made: list[str] = []
_opened: dict[tuple[int, str], Engine] = {}


@cache
def server() -> str:
    """Return the URL of the server, which is started when first asked for and ends with this program.

    Skips the test where pgserver is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pgserver's own folder is none of ours
        pgserver = pytest.importorskip("pgserver", reason="pgserver is not installed: make test asks for it")
        folder = Path(tempfile.mkdtemp(prefix="consentry-"))
        folder.chmod(0o755)  # where root runs the tests, PostgreSQL runs as somebody else
        started = pgserver.get_server(folder, cleanup_mode="delete")
        atexit.register(started.cleanup)
    url = str(started.get_uri()).replace("postgresql:", "postgresql+psycopg:", 1)
    with _administering(url) as connection:
        # Programs are killed here, the machine is not: what the server's disk would lose in a power cut is not tested.
        for setting in ("fsync", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    return url


@contextmanager
def _administering(url: str) -> Iterator[Connection]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def fresh_database(template: str = "") -> str:
    """Make a database, empty or a copy of `template`, and return its URL; it goes with the test that made it.

    Whoever still had a connection to the template loses it.
    """
    name, parent = f"t{uuid4().hex}", make_url(template).database if template else "template1"
    if template:
        close(template)
    with _administering(server()) as connection:
        others = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{parent}'"  # noqa: S608  # ours
        connection.exec_driver_sql(others)
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {parent}")
    url = make_url(server()).set(database=name).render_as_string(hide_password=False)
    _made.append(url)
    return url


@cache
def migrated(history: migrations.History) -> str:
    """Return the URL of an empty database with the newest schema, to make copies of."""
    url = fresh_database()
    _made.remove(url)
    engine = open_records(url)
    migrations.upgrade(engine, history)
    engine.dispose()
    return url


@cache
def migrated_file(history: migrations.History, by: Callable[[Path], Engine] = open_records) -> Path:
    """Return an empty SQLite file with the newest schema, to make copies of; `by` opens it."""
    folder = Path(tempfile.mkdtemp(prefix="consentry-"))
    atexit.register(shutil.rmtree, folder)
    engine = by(folder / f"{history}.sqlite")
    migrations.upgrade(engine, history)
    engine.dispose()
    return folder / f"{history}.sqlite"


def new_records(kind: Kind, folder: Path) -> str | Path:
    """Make an empty records database with the newest schema; return where it is."""
    if kind == "postgresql":
        return fresh_database(migrated("records"))
    return Path(shutil.copy(migrated_file("records"), folder))


def opened(url: str, by: Callable[[str], Engine] = open_records) -> Engine:
    """Return this process's engine for a PostgreSQL URL; it is closed at the end of the test."""
    engine = _opened.get((os.getpid(), url))
    if engine is None:
        engine = _opened[os.getpid(), url] = by(url)
    return engine


def close(url: str) -> None:
    """Close this process's engine for a URL, if there is one."""
    engine = _opened.pop((os.getpid(), url), None)
    if engine is not None:
        engine.dispose()


@contextmanager
def ending_with_the_test() -> Iterator[None]:
    """Close the engines and drop the databases that were made inside."""
    made, engines = len(_made), set(_opened)
    yield
    for process, url in set(_opened) - engines:
        if process == os.getpid():
            close(url)
    _drop(_made[made:])


def _drop(urls: Sequence[str]) -> None:
    if not urls:
        return
    with _administering(server()) as connection:
        for url in urls:
            close(url)
            _made.remove(url)
            connection.exec_driver_sql(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


def databases_of(folder: Path) -> Databases:
    """Return where a folder's databases are: at the URLs of its note, else in its own files."""
    note = folder / NOTE
    return Databases(**json.loads(note.read_bytes())) if note.exists() else Databases()


def note_databases(folder: Path, databases: Databases) -> None:
    """Let a folder know where its databases are."""
    (folder / NOTE).write_text(json.dumps({"records": databases.records, "keys": databases.keys}))


def give_databases(folder: Path, kind: Kind, *, empty: bool = False) -> None:
    """Give a new folder its databases, with the newest schemas unless `empty`; SQLite's files make themselves."""
    if kind == "postgresql":
        templates = ("", "") if empty else (migrated("records"), migrated("keys"))
        note_databases(folder, Databases(*map(fresh_database, templates)))


def copy_databases(source: Path, target: Path) -> None:
    """Give a folder copies of another one's PostgreSQL databases, if that has them; files are the caller's to copy."""
    there = databases_of(source)
    if there.records:
        note_databases(target, Databases(fresh_database(there.records), fresh_database(there.keys)))


def remove_home(folder: Path) -> None:
    """Remove a folder and the databases that are its own."""
    there = databases_of(folder)
    _drop([url for url in (there.records, there.keys) if url])
    shutil.rmtree(folder)


def bytes_at_rest(folder: Path) -> bytes:
    """Return what a thief of the disk finds: the databases' files with all that lies beside them, and every log."""
    there = databases_of(folder)
    if not there.records:
        return b"".join(path.read_bytes() for path in sorted(folder.glob("*.sqlite*")))
    with _administering(server()) as connection:
        connection.exec_driver_sql("CHECKPOINT")
        data = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
        names = ", ".join(f"'{make_url(url).database}'" for url in (there.records, there.keys))
        oids = connection.exec_driver_sql(f"SELECT oid FROM pg_database WHERE datname IN ({names})").scalars().all()  # noqa: S608  # ours
    folders = [*(data / "base" / str(oid) for oid in oids), data / "pg_wal"]
    return b"".join(path.read_bytes() for part in folders for path in sorted(part.iterdir()) if path.is_file())


def server_files(folder: Path) -> dict[str, bytes]:
    """Return what else lies in the server's folder, by its path: nothing where databases are files of the folder."""
    if not databases_of(folder).records:
        return {}
    with _administering(server()) as connection:
        data = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
    folders = [part for part in data.iterdir() if part.name not in {"base", "pg_wal"}]
    found = [path for part in folders for path in (part, *part.rglob("*")) if path.is_file()]
    return {str(path): path.read_bytes() for path in found}


def records_engine(folder: Path) -> Engine | None:
    """Return an engine for a folder's records on PostgreSQL."""
    url = databases_of(folder).records
    return opened(url) if url else None


def keys_engine(folder: Path) -> Engine | None:
    """Return an engine for a folder's keys on PostgreSQL."""
    url = databases_of(folder).keys
    return opened(url, open_keys) if url else None


def forbid(connection: Connection, act: Literal["INSERT", "UPDATE", "DELETE"], table: str, word: str = "cut") -> None:
    """Let a database refuse an act on a table from now on, in the middle of whichever transaction tries it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            f"CREATE TRIGGER forbidden BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, '{word}'); END"
        )
        return
    connection.exec_driver_sql(
        f"CREATE FUNCTION forbidden() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{word}'; END $$"
    )
    connection.exec_driver_sql(
        f"CREATE TRIGGER forbidden BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION forbidden()"
    )


def allow(connection: Connection, table: str) -> None:
    """Take back what `forbid` did to a table."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP TRIGGER forbidden")
        return
    connection.exec_driver_sql(f"DROP TRIGGER forbidden ON {table}")
    connection.exec_driver_sql("DROP FUNCTION forbidden")
