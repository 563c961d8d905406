"""The key tree: R wraps the epoch's key, the epoch's key wraps each patient's, and one dead epoch erases for good."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine

from vault.cobblestone import bind
from vault.epoch import EpochKey, KeyEncryptionKey, PatientKey
from vault.errors import EpochNotDestroyedError, KeyNotFoundError, KeyTreeMissingError
from vault.replicas import Replicas
from vault.sql.engine import reading, writing
from vault.sql.keys import WrappedKey, add_keys, count_keys, keys_of, live_epoch
from vault.turn import first_epoch, settle, turn


@dataclass(frozen=True, slots=True)
class Shredded:
    """An erasure: the epoch before, the epoch that holds now, and how many keys live in it.

    Both numbers are the same when none of the subjects had a key left.
    """

    previous: int
    epoch: int
    live_keys: int


@dataclass(slots=True)
class KeyTree:
    """The keys of one tenant: wrapped ones in their own database, the epoch's key in replica folders.

    The live epoch's key is kept in memory, and read again when another process has turned the epoch.
    """

    tenant: str
    _engine: Engine = field(repr=False)
    _replicas: Replicas = field(repr=False)
    _epoch: EpochKey = field(repr=False)

    @classmethod
    def create(cls, engine: Engine, root: KeyEncryptionKey, replicas: Sequence[Path], tenant: str) -> Self:
        """Begin a key tree in a migrated, empty keys database; makes the replica folders, two or more.

        Raises `KeyTreeExistsError`, `KeyFileError`.
        """
        folders = Replicas(tuple(replicas), root, tenant)
        return cls(tenant, engine, folders, first_epoch(engine, folders))

    @classmethod
    def open(cls, engine: Engine, root: KeyEncryptionKey, replicas: Sequence[Path], tenant: str) -> Self:
        """Open a key tree that at least one replica is intact of, and finish or undo a turn that a crash cut short.

        Raises `KeyTreeMissingError`, `EpochKeyLostError`. What a missing folder may still hold of a dead epoch stays
        noted: the next `shred` sees to it or says so.
        """
        folders = Replicas(tuple(replicas), root, tenant)
        with reading(engine) as connection:
            epoch = _read_live(connection, folders)
        tree = cls(tenant, engine, folders, epoch)
        with contextlib.suppress(EpochNotDestroyedError):
            settle(engine, folders)
        return tree

    @property
    def missing_replicas(self) -> tuple[Path, ...]:
        """The replica folders without an intact copy of the live epoch's key, as they are now."""
        with reading(self._engine) as connection:
            epoch = self._live(connection)
        return self._replicas.missing(epoch.number, epoch.check())

    def installation_key(self, label: str) -> bytes:
        """Return 32 bytes that belong to this tenant and `label` for as long as R lives, whatever the epoch."""
        return self._replicas.root.derive(bind(b"vault.installation.v1", self.tenant.encode(), label.encode()))

    def enrol(self, subjects: Sequence[str]) -> None:
        """Draw a key for each subject who has none; existing keys stay."""
        with writing(self._engine) as connection:
            epoch = self._live(connection)
            known = {key.subject for key in keys_of(connection, epoch.number, subjects)}
            drawn = {subject: PatientKey.draw() for subject in subjects if subject not in known}
            wrapped = [WrappedKey(subject, epoch.wrap(subject, key), key.check()) for subject, key in drawn.items()]
            add_keys(connection, epoch.number, wrapped)

    def unwrap(self, subjects: Sequence[str]) -> dict[str, PatientKey]:
        """Return the key of every subject; raise `KeyNotFoundError` when one has none, `KeyDamagedError`."""
        with reading(self._engine) as connection:
            epoch = self._live(connection)
            found = keys_of(connection, epoch.number, subjects)
        keys = {key.subject: epoch.unwrap(key.subject, key.wrapped) for key in found}
        if missing := len(set(subjects) - keys.keys()):
            raise KeyNotFoundError(f"no key for {missing} of {len(subjects)} subjects")
        return keys

    def shred(self, subjects: Sequence[str]) -> Shredded:
        """Leave the subjects' keys behind in an epoch that is then destroyed. Nothing brings them back.

        Asked again, it finishes what failed. Raises what `vault.turn.turn` raises.
        """
        with reading(self._engine) as connection:
            old = self._live(connection)
            dying = keys_of(connection, old.number, subjects)
        settle(self._engine, self._replicas)
        self._epoch = turn(self._engine, self._replicas, old, set(subjects)) if dying else old
        with reading(self._engine) as connection:
            return Shredded(old.number, self._epoch.number, count_keys(connection, self._epoch.number))

    def _live(self, connection: Connection) -> EpochKey:
        stored = live_epoch(connection)
        if stored is None or stored.number != self._epoch.number:
            self._epoch = _read_live(connection, self._replicas)
        return self._epoch


def _read_live(connection: Connection, replicas: Replicas) -> EpochKey:
    stored = live_epoch(connection)
    if stored is None:
        raise KeyTreeMissingError("the keys database holds no live epoch")
    return replicas.read(stored.number, stored.check)
