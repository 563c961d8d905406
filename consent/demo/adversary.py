"""Whoever copied the databases before an erasure, and holds every key that exists after it."""

import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from consent.adapters.sql import SqlStore, open_records
from consent.settings import Settings
from consent.wiring import Places, read_identity
from consent.wiring.places import KEYS_FILE, RECORDS_FILE
from vault import Access, Admission, Admitted, KeyTree, PassphraseFile, Vault, VaultError, open_keys
from vault.files import make_private


@dataclass(frozen=True, slots=True)
class EverOpenGate:
    """A gate that refuses nothing: what protects a record now is its key alone."""

    categories: frozenset[str]

    def admit(self, subjects: Sequence[str], _access: Access) -> Admission:
        """Admit everyone to everything."""
        return {subject: Admitted(self.categories, None, None, bytes(32)) for subject in subjects}


def copy_databases(places: Places, into: Path) -> None:
    """Copy both databases, which are files, as a backup would, whole and consistent."""
    for folder in (into.parent, into):
        folder.mkdir(mode=0o700, exist_ok=folder != into)
    for name in (RECORDS_FILE, KEYS_FILE):
        make_private(into / name)
        source, target = sqlite3.connect(places.home / name), sqlite3.connect(into / name)
        with source, target:
            source.backup(target)
        source.close()
        target.close()


@dataclass(frozen=True, slots=True)
class Adversary:
    """Tries to open one person's records with all keys that exist now.

    Attributes:
        settings: of the installation whose keys are taken.
        subject: whose records.
        categories: which ones.
        workspace: a folder for copies: the adversary works on copies, and the installation is left alone.
    """

    settings: Settings
    subject: str
    categories: frozenset[str]
    workspace: Path

    def opens(self, databases: Path) -> bool:
        """Say whether anything opens from a copy of both databases."""
        places = Places(self.settings.home)
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.workspace.mkdir(mode=0o700, parents=True)
        replicas = [Path(shutil.copytree(path, self.workspace / path.name)) for path in self.settings.replicas]
        for name in (RECORDS_FILE, KEYS_FILE):
            shutil.copy(databases / name, self.workspace / name)
        try:
            return self._read(places, replicas)
        except VaultError:
            return False

    def _read(self, places: Places, replicas: Sequence[Path]) -> bool:
        engine = open_keys(self.workspace / KEYS_FILE)
        store = SqlStore(open_records(self.workspace / RECORDS_FILE))
        try:
            root = PassphraseFile.open(places.root_key, self.settings.passphrase)
            vault = Vault(tenant := read_identity(places.public).tenant, KeyTree.open(engine, root, replicas, tenant))
            access = Access("adversary", "none", "train", frozenset(), self.categories)
            with store.reading() as unit:
                openings = list(vault.read(unit.connection, EverOpenGate(self.categories), access, [self.subject]))
            return any(opening.records for opening in openings)
        finally:
            engine.dispose()
            store.engine.dispose()
