"""The turn of an epoch: every live key moves under a new epoch's key, and the old one dies with all it ever wrapped.

The one fact that says which epoch holds is the row marked live in the keys database; it changes in one transaction.

1.  Note the next epoch as a draft. After a crash from here on, its key is destroyed and nothing is lost.
2.  Alone on the database: write the new key's replicas, wrap every key again into a new store, check all of it, write
    it into a backup and open that, make the draft live and the old epoch doomed, commit. After a crash from here on,
    the old key is still destroyed.
3.  Destroy every replica of the old key, drop its store.

`settle` finishes what a crash left. It runs once the live epoch's own key has been seen to open, so an old copy of the
database, whose epoch is dead, costs nothing.
"""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from sqlalchemy import Connection, Engine

from vault.backup import back_up
from vault.epoch import EpochKey
from vault.errors import EpochTurnError, KeyTreeExistsError, ReplicaMissingError
from vault.replicas import Replicas
from vault.sql.engine import reading, writing
from vault.sql.keys import (
    EpochState,
    WrappedKey,
    add_keys,
    create_store,
    draft_epoch,
    epochs,
    every_key,
    forget_epoch,
    live_epoch,
    make_live,
)


def first_epoch(engine: Engine, replicas: Replicas) -> EpochKey:
    """Begin a key tree with an empty epoch; raise `KeyTreeExistsError` when there is a live one."""
    with reading(engine) as connection:
        if live_epoch(connection) is not None:
            raise KeyTreeExistsError("the keys database holds a key tree already")
    replicas.make_folders()
    settle(engine, replicas)
    draft = _draft(engine)
    with writing(engine) as connection:
        _require_draft(connection, draft, None)
        return _begin(connection, replicas, draft)


@dataclass(frozen=True, slots=True)
class Moving:
    """Which keys move (`keep`, None is all) and the folder that gets a backup of them (None is none)."""

    keep: frozenset[str] | None = None
    backup: Path | None = None

    def stays(self, subject: str) -> bool:
        """Say whether a subject's key moves to the new epoch."""
        return self.keep is None or subject in self.keep


def turn(engine: Engine, replicas: Replicas, old: EpochKey, moving: Moving) -> tuple[EpochKey, int]:
    """Move keys into a new epoch and destroy the old one; return the new epoch's key and how many keys it holds.

    Raises `ReplicaMissingError` before anything is done, `EpochTurnError` when the old epoch still holds, and
    `EpochNotDestroyedError` when the new one does but a copy of the old key may be left.
    """
    if absent := replicas.missing(old.number, old.check()):
        raise ReplicaMissingError(
            f"the epoch's key is not intact in {', '.join(map(str, absent))}: copy it there first"
        )
    draft = _draft(engine)
    with writing(engine) as connection:
        _require_draft(connection, draft, old.number)
        new = _begin(connection, replicas, draft)
        _rewrap(connection, old, new, moving)
        stored = replicas.read(draft, new.check())
        live_keys = _verify(connection, old, stored, moving)
        if moving.backup is not None:
            back_up(connection, stored, moving.backup)
    settle(engine, replicas)
    return new, live_keys


def settle(engine: Engine, replicas: Replicas) -> None:
    """Destroy key and store of every epoch that is not live; raise `EpochNotDestroyedError` when one may be left.

    A keys database that was restored may know nothing of an older epoch whose key still lies in a folder.
    """
    with reading(engine) as connection:
        if not _dead(connection, replicas):
            return
    with writing(engine) as connection:
        for number in _dead(connection, replicas):
            replicas.destroy(number)
            forget_epoch(connection, number)


def _dead(connection: Connection, replicas: Replicas) -> list[int]:
    """Return the epochs of which something is left and that are not live, as the database and the folders have them."""
    states = {epoch.number: epoch.state for epoch in epochs(connection)}
    noted = {number for number, state in states.items() if state is not EpochState.LIVE}
    live = max(states.keys() - noted, default=0)
    return sorted({*noted, *replicas.left_before(live)})


def _draft(engine: Engine) -> int:
    with writing(engine) as connection:
        return draft_epoch(connection)


def _require_draft(connection: Connection, draft: int, live: int | None) -> None:
    """Make sure that nobody turned, or tidied our draft away, before we had the database to ourselves."""
    states = {epoch.number: epoch.state for epoch in epochs(connection)}
    holds = next((number for number, state in states.items() if state is EpochState.LIVE), None)
    if states.get(draft) is not EpochState.DRAFT or holds != live:
        raise EpochTurnError("another turn of the epoch came between")


def _begin(connection: Connection, replicas: Replicas, number: int) -> EpochKey:
    key = EpochKey.draw(replicas.tenant, number)
    replicas.write(key)
    create_store(connection, number)
    make_live(connection, number, key.check())
    return key


def _rewrap(connection: Connection, old: EpochKey, new: EpochKey, moving: Moving) -> None:
    for batch in every_key(connection, old.number):
        moved = [
            WrappedKey(subject, new.wrap(subject, old.unwrap(subject, wrapped)), check)
            for subject, wrapped, check in batch
            if moving.stays(subject)
        ]
        add_keys(connection, new.number, moved)


def _verify(connection: Connection, old: EpochKey, new: EpochKey, moving: Moving) -> int:
    """Walk both stores side by side: each key that stays opens in the new one, and is the same by its check value.

    Returns how many there are.
    """
    staying = (key for batch in every_key(connection, old.number) for key in batch if moving.stays(key.subject))
    moved = (key for batch in every_key(connection, new.number) for key in batch)
    count = 0
    for before, after in zip_longest(staying, moved):
        if before is None or after is None or before.subject != after.subject:
            raise EpochTurnError("the new epoch's store does not hold the keys that stay")
        if new.unwrap(after.subject, after.wrapped).check() != before.check:
            raise EpochTurnError("a key changed on its way into the new epoch")
        count += 1
    return count
