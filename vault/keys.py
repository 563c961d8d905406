"""The key tree: R wraps the epoch's key, the epoch's key wraps each patient's, and one dead epoch erases for good."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine

from vault.backup import back_up
from vault.cobblestone import bind
from vault.epoch import EpochKey, EpochSeal, KeyEncryptionKey, PatientKey
from vault.errors import EpochNotDestroyedError, EpochSupersededError, KeyNotFoundError, KeyTreeMissingError
from vault.replicas import Replicas
from vault.sql.engine import reading, writing
from vault.sql.keys import EpochState, WrappedKey, add_keys, delete_keys, epochs, keys_of, live_epoch, subjects_of
from vault.turn import Moving, first_epoch, settle, turn


@dataclass(frozen=True, slots=True)
class Turned:
    """A turn of the epoch: the one that died, the one that holds now, and how many keys live in it."""

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
        noted: the next `turn` or `settle` sees to it or says so.
        """
        folders = Replicas(tuple(replicas), root, tenant)
        with reading(engine) as connection:
            epoch = _read_live(connection, folders)
        tree = cls(tenant, engine, folders, epoch)
        with contextlib.suppress(EpochNotDestroyedError):
            settle(engine, folders)
        return tree

    @classmethod
    def require_live(cls, engine: Engine, root: KeyEncryptionKey, replicas: Sequence[Path], tenant: str) -> None:
        """Raise what says why a copy of a keys database must not take the live one's place; nothing is changed.

        `EpochKeyLostError` when its epoch's key is gone, `KeyTreeMissingError`, or `EpochSupersededError`.
        """
        folders = Replicas(tuple(replicas), root, tenant)
        with reading(engine) as connection:
            epoch = _read_live(connection, folders)
        if folders.newest() > epoch.number:
            raise EpochSupersededError("a newer epoch than this copy's is in use: take a copy of its keys")

    @property
    def missing_replicas(self) -> tuple[Path, ...]:
        """The replica folders without an intact copy of the live epoch's key, as they are now."""
        with reading(self._engine) as connection:
            epoch = self._live(connection)
        return self._replicas.missing(epoch.number, epoch.check())

    @property
    def epoch(self) -> int:
        """The number of the epoch that holds now, from 1."""
        with reading(self._engine) as connection:
            return self._live(connection).number

    @property
    def undestroyed(self) -> tuple[int, ...]:
        """The dead epochs whose key may still lie in some replica folder.

        A restored keys database may not know of one: then the folders tell, and whichever is away may hold the last.
        """
        with reading(self._engine) as connection:
            live = self._live(connection).number
            doomed = {epoch.number for epoch in epochs(connection) if epoch.state is EpochState.DOOMED}
        away = set() if self._replicas.all_there() else {live - 1} - {0}
        return tuple(sorted({*doomed, *away, *self._replicas.left_before(live)}))

    @property
    def destruction_delay(self) -> int:
        """For how many seconds whatever holds R may bring back a key that was destroyed."""
        return self._replicas.root.destruction_delay

    def installation_key(self, label: str) -> bytes:
        """Return 32 bytes that belong to this tenant and `label` for as long as R lives, whatever the epoch."""
        return self._replicas.root.derive(bind(b"vault.installation.v1", self.tenant.encode(), label.encode()))

    def epoch_seal(self) -> EpochSeal:
        """Return the seal of the epoch that is live now; ask anew in each transaction, for an epoch may turn."""
        with reading(self._engine) as connection:
            return self._live(connection).for_content()

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
            raise KeyNotFoundError(
                f"no key for {missing} of {len(subjects)} subjects: restore the newest backup of the keys, unless they "
                "were erased"
            )
        return keys

    def keyless(self, subjects: Collection[str]) -> set[str]:
        """Return those of these subjects who have no key: shredded, or lost when older keys were restored."""
        with reading(self._engine) as connection:
            found = keys_of(connection, self._live(connection).number, list(subjects))
        return set(subjects) - {key.subject for key in found}

    def subjects(self) -> list[str]:
        """Return the subjects who have a key, in order."""
        with reading(self._engine) as connection:
            return subjects_of(connection, self._live(connection).number)

    def shred(self, subjects: Sequence[str]) -> int:
        """Delete the subjects' wrapped keys at once; return how many there were.

        It takes as long for one among millions as for one among few. A copy of the database made before still holds
        them: `turn` the epoch, and no copy does.
        """
        with writing(self._engine) as connection:
            return delete_keys(connection, self._live(connection).number, subjects)

    def turn(self, *, keep: Collection[str] | None = None, backup: Path | None = None) -> Turned:
        """Move every key, or only those of the subjects in `keep`, to a new epoch, and destroy the old one.

        With `backup`, a folder, the new keys are written there too, into `keys-epoch-<n>.sqlite`, and every one of them
        is opened from that file before the old epoch ends. It opens with a replica of the new epoch's key and R.

        Raises `EpochNotDestroyedError` when a copy of an old epoch's key may be left, from this turn or one before
        (`settle` tries again), and `ReplicaMissingError` or `EpochTurnError` when the old epoch still holds.
        """
        self.settle()
        with reading(self._engine) as connection:
            old = self._live(connection)
        kept = None if keep is None else frozenset(keep)
        self._epoch, live_keys = turn(self._engine, self._replicas, old, Moving(kept, backup))
        return Turned(old.number, self._epoch.number, live_keys)

    def back_up(self, folder: Path) -> Path:
        """Write the live epoch's keys into `folder`/keys-epoch-<n>.sqlite, open every one of them from there.

        A file of the same epoch is replaced. It opens as long as the epoch lives; raises `EpochTurnError`.
        """
        with reading(self._engine, one_state=True) as connection:
            epoch = self._live(connection)
            return back_up(connection, self._replicas.read(epoch.number, epoch.check()), folder)

    def settle(self) -> None:
        """Destroy what earlier turns left of dead epochs; raise `EpochNotDestroyedError` when some may be left."""
        settle(self._engine, self._replicas)

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
