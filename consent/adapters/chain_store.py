"""Where an embedded chain keeps its keys and values: one SQLite file, one SQLite transaction a block.

py-evm writes in many places while it builds a block: trie nodes, receipts, the header, the pointer to the newest
block. All of it waits in memory until `commit` keeps it as one transaction with `synchronous=FULL`: whenever the
process dies, the file holds the last acknowledged block and nothing of the next. The journal is a write-ahead log
(`-wal` beside the file while it is open, or after a crash), so that readers never hold up the writer. To copy a
chain, close it first or copy both.

    node(key, value)        py-evm's store; nothing is pruned, so that every past state can be asked
    deployment(...)         one row: what was deployed, where, with which code
"""

import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import BinaryIO, Final, Self

from eth.db.backends.base import BaseDB

from consent.adapters.deployments import CONTRACTS, Deployed, Deployment
from consent.domain.errors import LedgerError, LedgerLockedError, LedgerMismatchError, LedgerUnavailableError
from consent.domain.hashing import HASH_BYTES, keccak
from consent.domain.nesting import limit_nesting
from vault.files import append_private

limit_nesting()

_APPLICATION: Final = int.from_bytes(b"Cns1")
_BUSY_SECONDS: Final = 10.0
_SCHEMA: Final = f"""
    PRAGMA application_id = {_APPLICATION};
    CREATE TABLE node (key BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE deployment (
        chain_id INTEGER NOT NULL, block INTEGER NOT NULL,
        registry BLOB NOT NULL, registry_code BLOB NOT NULL, models BLOB NOT NULL, models_code BLOB NOT NULL,
        anchor BLOB NOT NULL, anchor_code BLOB NOT NULL
    ) STRICT;
"""


class ReadOnlyLedgerError(LedgerError):
    """This chain is open for reading; write in the process that holds its keys and its lock."""


class ChainStore(BaseDB):  # type: ignore[misc]  # py-evm ships no types
    """py-evm's key-value store over one SQLite connection. Writes wait for `commit`; `discard` forgets them."""

    def __init__(self, connection: sqlite3.Connection, lock: BinaryIO | None, *, writable: bool) -> None:
        self._connection = connection
        self._lock = lock
        self._writable = writable
        self._pending: dict[bytes, bytes | None] = {}

    @classmethod
    def in_memory(cls) -> Self:
        """Return an empty store that `save_as` can make a file of."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.executescript(_SCHEMA)
        return cls(connection, None, writable=True)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for writing and hold the lock; `LedgerLockedError` when another process does."""
        connection = _recognised(path, "rw")
        with _closed_on_error(connection), _translated():
            lock = _locked(path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        return cls(connection, lock, writable=True)

    @classmethod
    def read_only(cls, path: Path) -> Self:
        """Open for reading, beside a writer or without one."""
        return cls(_recognised(path, "ro"), None, writable=False)

    def save_as(self, path: Path) -> None:
        """Make the file at `path`, whole or not at all; `LedgerMismatchError` when one is there already."""
        with _translated(), tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as file:
            self._connection.execute("VACUUM INTO ?", (file.name,))
            os.fsync(file.fileno())
            os.link(file.name, path)
            _sync_folder(path.parent)

    def deployment(self) -> Deployment:
        """Return what was deployed; `LedgerMismatchError` when the file does not say."""
        with _translated():
            row = self._connection.execute("SELECT * FROM deployment").fetchone()
        if row is None:
            raise LedgerMismatchError("this file does not say what was deployed: restore the chain's file")
        chain_id, block, *places = row
        registry, models, anchor = (Deployed(*places[at : at + 2]) for at in (0, 2, 4))
        return Deployment(chain_id, block, registry, models, anchor)

    def record(self, deployment: Deployment) -> None:
        """Keep the one row that says what was deployed."""
        places = [part for name in CONTRACTS for part in astuple(deployment.of(name))]
        row = (deployment.chain_id, deployment.block, *places)
        with _translated():
            self._connection.execute("INSERT INTO deployment VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def commit(self) -> None:
        """Keep all that was written since the last commit, or nothing of it."""
        kept = [(key, value) for key, value in self._pending.items() if value is not None]
        gone = [(key,) for key, value in self._pending.items() if value is None]
        with _translated(), _transaction(self._connection):
            self._connection.executemany("REPLACE INTO node VALUES (?, ?)", kept)
            self._connection.executemany("DELETE FROM node WHERE key = ?", gone)
        self._pending.clear()

    def discard(self) -> None:
        """Forget what was written since the last commit."""
        self._pending.clear()

    def close(self) -> None:
        """Close the file, then let its lock go."""
        self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def __getitem__(self, key: bytes) -> bytes:
        value = self._found(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        if not self._writable:
            raise ReadOnlyLedgerError("this chain is open for reading only")
        self._pending[key] = value

    def __delitem__(self, key: bytes) -> None:
        if not self._exists(key):
            raise KeyError(key)
        self._pending[key] = None

    def _exists(self, key: bytes) -> bool:
        return self._found(key) is not None

    def _found(self, key: bytes) -> bytes | None:
        if key in self._pending:
            return self._pending[key]
        with _translated():
            row = self._connection.execute("SELECT value FROM node WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        value: bytes = row[0]
        # Headers, trie nodes and code lie under their own hash: a damaged or altered one is never believed.
        if len(key) == HASH_BYTES and keccak(value) != key:
            raise LedgerMismatchError("part of this chain's file was altered or is damaged: restore it")
        return value


def _recognised(path: Path, mode: str) -> sqlite3.Connection:
    """Connect to a file that is an embedded chain; `LedgerMismatchError` for anything else, left as it was."""
    if not path.is_file():
        raise LedgerMismatchError("there is no chain at this path: restore its file, or make a new chain")
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    with _translated():
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
        with _closed_on_error(connection):
            _require_application(connection)
    return connection


def _require_application(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA application_id").fetchone() != (_APPLICATION,):
        raise LedgerMismatchError("this file is not an embedded chain")


def require_unlocked(path: Path) -> None:
    """Raise `LedgerLockedError` when a process writes to the chain at `path`; for whoever is about to remove it."""
    if path.exists():
        _locked(path).close()


@contextmanager
def only_process(lock: Path) -> Iterator[None]:
    """Be the one process that runs a ledger on a node; `LedgerLockedError` when another is."""
    with _locked(lock):
        yield


def _locked(path: Path) -> BinaryIO:
    """Take the lock beside `path`; the system lets it go when the process ends, however that ends."""
    try:
        file = append_private(path.with_name(f"{path.name}.lock"))
    except OSError as error:
        raise LedgerUnavailableError("the chain's folder cannot be written: make it writable") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise LedgerLockedError("another process has this chain open: stop it, or open the chain read-only") from error
    return file


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has already rolled back when the disk is full
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _translated() -> Iterator[None]:
    """Translate what SQLite and the file system raise, once."""
    try:
        yield
    except FileExistsError as error:
        raise LedgerMismatchError("a file is here already: open it as a chain, or move it away") from error
    except (sqlite3.OperationalError, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # a table or column is missing
            raise LedgerMismatchError("this file is no embedded chain of this version: restore it") from error
        raise LedgerUnavailableError("the chain's file cannot be used now: see the cause, try again") from error
    except sqlite3.DatabaseError as error:
        raise LedgerMismatchError("this file is no embedded chain, or it is damaged: restore it") from error
