"""A copy of one epoch's keys in a file of its own, which counts once every key in it was seen to open."""

import os
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from vault.epoch import EpochKey
from vault.errors import EpochTurnError, VaultError
from vault.files import sync_folder
from vault.sql.engine import reading, writing
from vault.sql.keys import (
    EpochState,
    StoredEpoch,
    add_epoch,
    add_keys,
    create_store,
    epochs,
    every_key,
    forget_epoch,
)
from vault.tables import keys_metadata

_VERSIONS: Final = "alembic_version"
"""Where the migrations note the schema's version: without it the copy could not be brought up to date later."""


def back_up(connection: Connection, epoch: EpochKey, folder: Path) -> Path:
    """Write an epoch's store into `folder`/keys-epoch-<n>.sqlite, mode 0600, and open every key of that file.

    `connection` is in the transaction that made the store; `epoch` comes from a replica. The file takes its name once
    it is on disk and was tested. Raises `EpochTurnError`.
    """
    path = folder / f"keys-epoch-{epoch.number}.sqlite"
    draft = folder / f"{path.name}.draft"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _write(connection, epoch, draft)
        _test(connection, epoch, draft)
        _sync(draft)
        draft.replace(path)
        sync_folder(folder)
    except (OSError, SQLAlchemyError, VaultError) as error:
        raise EpochTurnError(f"the keys could not be backed up into {folder}: see to the folder, turn again") from error
    return path


def replace_keys(source: Engine, target: Engine) -> None:
    """Put the epochs and stores of one keys database in the place of another's, in one transaction."""
    with reading(source) as kept, writing(target) as connection:
        for epoch in epochs(connection):
            forget_epoch(connection, epoch.number)
        for epoch in epochs(kept):
            add_epoch(connection, epoch)
            create_store(connection, epoch.number)
            for batch in every_key(kept, epoch.number):
                add_keys(connection, epoch.number, batch)


def _write(connection: Connection, epoch: EpochKey, path: Path) -> None:
    engine = _engine(path)
    with engine.begin() as copy:
        keys_metadata.create_all(copy)
        _copy_version(connection, copy)
        add_epoch(copy, StoredEpoch(epoch.number, EpochState.LIVE, epoch.check()))
        create_store(copy, epoch.number)
        for batch in every_key(connection, epoch.number):
            add_keys(copy, epoch.number, batch)


def _copy_version(connection: Connection, copy: Connection) -> None:
    if inspect(connection).has_table(_VERSIONS):
        versions = Table(_VERSIONS, MetaData(), autoload_with=connection)
        versions.create(copy)
        copy.execute(versions.insert(), [dict(row._mapping) for row in connection.execute(versions.select())])  # noqa: SLF001  # SQLAlchemy's public name


def _test(connection: Connection, epoch: EpochKey, path: Path) -> None:
    """Open the file anew and every key in it; each is the one in the store, byte for byte, and none is missing."""
    expected = (key for batch in every_key(connection, epoch.number) for key in batch)
    with _engine(path).connect() as copy:
        if epochs(copy) != [StoredEpoch(epoch.number, EpochState.LIVE, epoch.check())]:
            raise EpochTurnError("the backup does not hold the epoch")
        for kept in (key for batch in every_key(copy, epoch.number) for key in batch):
            original = next(expected, None)
            if kept != original:
                raise EpochTurnError("the backup does not hold the keys that stay")
            epoch.unwrap(kept.subject, kept.wrapped)
    if next(expected, None) is not None:
        raise EpochTurnError("the backup does not hold every key")


def _engine(path: Path) -> Engine:
    # One connection a use, closed for good: nothing of the file stays in a pool.
    return create_engine(f"sqlite:///{path}", poolclass=NullPool, hide_parameters=True)


def _sync(path: Path) -> None:
    with closing(os.fdopen(os.open(path, os.O_RDONLY), "rb")) as file:
        os.fsync(file.fileno())
