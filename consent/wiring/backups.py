"""Backup and restore of an installation's databases, each in files of its own: no backup of records holds a key."""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

import migrations
from consent.adapters.chain_store import ChainStore
from consent.adapters.log_archive import LogArchiveFile
from consent.adapters.sql import SqlStore, metadata, open_records
from consent.adapters.sql.account_tables import sessions, tickets
from consent.adapters.sql.api_tables import api_tokens, assertions, idempotent
from consent.adapters.sql.copies import BackupError, back_up, copy_rows
from consent.adapters.sql.log_tables import log_nodes
from consent.domain.entry import Action, Entry
from consent.domain.errors import LedgerError
from consent.domain.hashing import Json
from consent.domain.identity import Identity
from consent.domain.typed_data import SigningDomain
from consent.services.auditing import audit_log
from consent.settings import Settings
from consent.signatures import verifies
from consent.wiring.occupancy import occupied
from consent.wiring.places import InstallationError, Places, read_identity
from consent.wiring.rooms import Installation
from vault import KeyTree, PassphraseFile, open_keys
from vault.backup import replace_keys
from vault.files import make_private
from vault.sql import sqlite_path
from vault.tables import records_metadata

RECORDS_TABLES: Final = (*records_metadata.sorted_tables, *metadata.sorted_tables)
SHORT_LIVED: Final = (sessions, tickets, api_tokens, assertions, idempotent)
"""Who is signed in at this moment, what they are choosing, what they were just told: no backup has it."""
MADE_ANEW: Final = (log_nodes,)
"""What opening computes from other tables: a copy of it could only be wrong."""
KEPT_TABLES: Final = tuple(table for table in RECORDS_TABLES if table not in (*SHORT_LIVED, *MADE_ANEW))


@dataclass(frozen=True, slots=True)
class Backup:
    """The files of one backup; `chain` is None for a node's chain."""

    records: Path
    keys: Path
    chain: Path | None


def back_up_installation(installation: Installation, folder: Path, now: datetime) -> Backup:
    """Write records, then keys, then the embedded chain: whatever a later file holds more, it lacks nothing.

    The log says so first, and the backup's copy of it does too.
    Each was read back when this returns; raises `BackupError`, `EpochTurnError`.
    """
    _note(installation, "BACKED_UP", now, {"epoch": installation.keys.epoch})
    try:
        return _back_up(installation, folder, now)
    except (OSError, DBAPIError, sqlite3.Error) as error:
        raise BackupError(f"the backup could not be written to {folder}: name a folder that is writable") from error


def _back_up(installation: Installation, folder: Path, now: datetime) -> Backup:
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    for part in ("records", "keys", "chain"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / part).mkdir(mode=0o700, exist_ok=True)
        (folder / part).chmod(0o700)
    records = folder / "records" / f"records-{stamp}.sqlite"
    with installation.store.reading() as unit:
        installation.log.keep(unit)
        back_up(unit.connection, "records", KEPT_TABLES, records)
    keys = installation.keys.back_up(folder / "keys")
    embedded = installation.places.chain
    chain = _chain_into(embedded, folder / "chain" / f"chain-{stamp}.sqlite") if embedded.exists() else None
    return Backup(records, keys, chain)


def restore_installation(settings: Settings, records: Path | None, keys: Path | None, chain: Path | None) -> None:
    """Put backups in the place of what is there; nobody has the installation open meanwhile.

    Each file is tried before anything is touched. Raises `InstallationError`, `BackupError`, or what the vault says of
    keys that no replica folder opens. Opening the installation afterwards replays stops and erasures.
    """
    places = Places(settings.home, settings.databases)
    identity = read_identity(places.public)
    if chain and places.deployment.exists():
        raise InstallationError("this installation is on a node's chain: there is no chain to restore")
    root = PassphraseFile.open(places.root_key, settings.passphrase)
    with occupied(places, alone=True), TemporaryDirectory(dir=places.home) as folder:
        tried_records = _tried_records(records, places, identity, Path(folder)) if records else None
        tried_keys = _tried(keys, "keys", Path(folder)) if keys else None
        tried_chain = _tried_chain(chain, identity, Path(folder)) if chain else None
        if tried_keys:
            with _disposed(open_keys(tried_keys)) as engine:
                KeyTree.require_live(engine, root, settings.replicas, identity.tenant)
        if tried_records and not _put_file(tried_records, places.records):
            with _disposed(open_records(tried_records)) as source, _disposed(open_records(places.records)) as target:
                migrations.upgrade(target, "records")
                with SqlStore(source).reading() as old, SqlStore(target).begin() as unit:
                    copy_rows(old.connection, unit.connection, RECORDS_TABLES)
        if tried_keys and not _put_file(tried_keys, places.keys):
            with _disposed(open_keys(tried_keys)) as source, _disposed(open_keys(places.keys)) as target:
                migrations.upgrade(target, "keys")
                replace_keys(source, target)
        if tried_chain:
            _put_file(tried_chain, places.chain)


def note_restored(installation: Installation, now: datetime, parts: Sequence[str]) -> None:
    """Write into the log that these parts were restored, as the first thing after it; only then it has a log again."""
    _note(installation, "RESTORED", now, {"parts": sorted(parts)})


def _note(installation: Installation, verdict: str, now: datetime, facts: dict[str, Json]) -> None:
    with installation.store.begin() as unit:
        entry = Entry(int(now.timestamp()), "operator", Action.KEYS, verdict, facts=facts)
        installation.log.append(unit, [entry])


def _tried(backup: Path, history: migrations.History, folder: Path) -> Path:
    """Copy a backup and bring the copy to the newest schema; raise `BackupError` when it is no whole database."""
    copy = folder / f"{history}.sqlite"
    try:
        make_private(copy)
        shutil.copyfile(backup, copy)
        with _disposed(create_engine(f"sqlite:///{copy}", poolclass=NullPool, hide_parameters=True)) as engine:
            with engine.connect() as connection:
                whole = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
                belongs = migrations.belongs(connection, history)
            if whole and belongs:
                migrations.upgrade(engine, history)
    except (OSError, DBAPIError, sqlite3.Error, migrations.MigrationError) as error:
        raise BackupError(f"the {history} backup cannot be read: take another one") from error
    if not whole:
        raise BackupError(f"the {history} backup is damaged: take another one")
    if not belongs:
        raise BackupError(f"this is no backup of {history}, or one of a newer version: take the right file")
    return copy


def _tried_records(backup: Path, places: Places, identity: Identity, folder: Path) -> Path:
    """Copy a backup of records; raise `BackupError` when their log is not this installation's, as far as can be told.

    What was signed tells, and the log archive. A log that nobody signed yet has only the archive to differ from.
    """
    copy = _tried(backup, "records", folder)
    with _disposed(open_records(copy)) as engine, engine.begin() as connection:
        for table in (*SHORT_LIVED, *MADE_ANEW):  # backups of earlier versions have them; whoever signed out stays out
            connection.execute(table.delete())
    archive = LogArchiveFile(places.log_archive)
    kept = archive.bodies() if archive.size() else iter(())
    verify = partial(verifies, identity.public_key)
    with _disposed(open_records(copy)) as engine, SqlStore(engine).reading() as unit:
        if any(found.holds is False for found in audit_log(unit.log, identity.origin, identity.public_key, verify)):
            raise BackupError("this is another installation's records, or their log was altered: take this one's")
        if any(ours.body != theirs for ours, theirs in zip(unit.log.entries(), kept, strict=False)):
            raise BackupError(
                "these records are not what the log archive says was signed: take others, or put its newest copy back"
            )
    return copy


def _tried_chain(backup: Path, identity: Identity, folder: Path) -> Path:
    """Copy a chain's backup; raise `BackupError` when it is none, or of another installation's chain."""
    try:
        copy = _chain_into(backup, folder / "chain.sqlite")
        with closing(ChainStore.read_only(copy)) as store:
            deployment = store.deployment()
    except (sqlite3.Error, LedgerError) as error:
        raise BackupError("the chain's backup cannot be read: take another one") from error
    if SigningDomain(deployment.chain_id, deployment.registry.address) != identity.domain:
        raise BackupError("this is another installation's chain: take this one's")
    return copy


def _put_file(tried: Path, place: Path | str) -> bool:
    """Put a tried file in the place of a SQLite database, damaged or not; say whether the place is one.

    Its journal goes first: left behind, it would be played into the new file.
    """
    target = sqlite_path(place)
    if target is None:
        return False
    for ending in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + ending).unlink(missing_ok=True)
    descriptor = os.open(tried, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    tried.replace(target)
    return True


def _chain_into(source: Path, target: Path) -> Path:
    """Copy an embedded chain as it is at one moment, beside the process that runs it."""
    if target.exists():
        raise BackupError("a backup of this name is there already: name another folder")
    draft = target.with_suffix(".part")
    draft.unlink(missing_ok=True)
    make_private(draft)
    reading = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    with closing(reading), closing(sqlite3.connect(draft)) as copy:
        reading.backup(copy)
        if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise BackupError("the chain's copy does not read back: write it to another disk")
    draft.replace(target)
    return target


@contextmanager
def _disposed(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()
