"""Erasure: the states that a person's erasure goes through, and what each next one waits for. Pure.

    REQUESTED -> HOLD_CHECK -> BLOCKED -> KEY_DELETED -> EPOCH_TURNED -> FINAL
                                 |  ^
                          BLOCKED_RETAINED        while a legal hold lasts: nobody reads, and the key stays

Each state is an entry of the log (`action` erase, `verdict` the state), so the log says where an erasure stands. From
BLOCKED on nothing is reversible. A person's key is deleted once nothing of theirs is on its way to the chain and a
checkpoint is anchored that covers all that was ever read of theirs: nobody erases to hide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from consent.domain.terms import SubjectId


class ErasureState(StrEnum):
    """How far an erasure is."""

    REQUESTED = "REQUESTED"
    HOLD_CHECK = "HOLD_CHECK"
    BLOCKED = "BLOCKED"
    BLOCKED_RETAINED = "BLOCKED_RETAINED"
    KEY_DELETED = "KEY_DELETED"
    EPOCH_TURNED = "EPOCH_TURNED"
    FINAL = "FINAL"


KEYLESS: Final = frozenset({ErasureState.KEY_DELETED, ErasureState.EPOCH_TURNED, ErasureState.FINAL})
"""The states that count only with a key deletion on the stop list."""
_BEFORE: Final = {ErasureState.EPOCH_TURNED: ErasureState.KEY_DELETED, ErasureState.FINAL: ErasureState.EPOCH_TURNED}


class Wait(StrEnum):
    """What an erasure waits for, in words for an operator."""

    REQUEST = "the request, which is missing or does not hold: ask for it again"
    HOLD = "the end of a legal hold"
    CHAIN = "their stops, which are on the way to the chain"
    ANCHOR = "an anchored checkpoint that covers the last access"
    TURN = "the next turn of the epoch"
    REPLICA = "a replica folder in which the dead epoch's key may still lie"
    DATE = "the day from which no copy is left"


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal duty to keep somebody's records: why, in a short code, and until when (Unix seconds, 0 is open)."""

    basis: str
    until: int = 0

    def lasts(self, now: int) -> bool:
        """Say whether it holds at a time (Unix seconds)."""
        return not self.until or now < self.until


@dataclass(frozen=True, slots=True)
class Step:
    """What one entry says of an erasure: the state, when (Unix seconds), its place in the log, by whom, and facts."""

    state: ErasureState
    time: int
    index: int
    actor: str
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Erasure:
    """One person's erasure, as the log has it.

    Attributes:
        subject: whose.
        state: the newest.
        since: Unix seconds of that state's entry.
        index: of that state's entry.
        asked: index of the entry of the request, which holds what authorises it; None where a restore lost it.
        asked_at: Unix seconds of that entry.
        by: `patient` or `operator`.
        last: index of the newest entry that could be about an access: the BLOCKED one, after which none is permitted.
        epoch: of keys, in which the key was deleted; 0 before.
        final_at: Unix seconds from which on no copy opens; 0 before the epoch's turn.
    """

    subject: SubjectId
    state: ErasureState
    since: int
    index: int
    asked: int | None = None
    asked_at: int = 0
    by: str = "operator"
    last: int = 0
    epoch: int = 0
    final_at: int = 0

    def after(self, step: "Step") -> "Erasure":
        """Return the erasure after its next entry; one that asks again for what a restore lost takes nothing back.

        Anybody with the database can write an entry: once the key is deleted, the states follow in their order only,
        and neither the epoch nor the day can be moved to before.
        """
        state, facts = step.state, step.facts
        if (self.state in KEYLESS and state not in KEYLESS) or self.state is not _BEFORE.get(state, self.state):
            return self
        moved = replace(self, state=state, since=step.time, index=step.index)
        if state is ErasureState.REQUESTED:
            return replace(moved, asked=step.index, asked_at=step.time, by=step.actor)
        if state is ErasureState.BLOCKED:
            return replace(moved, last=step.index)
        if state is ErasureState.KEY_DELETED:
            return replace(moved, epoch=max(self.epoch, _whole(facts.get("epoch"))))
        if state is ErasureState.EPOCH_TURNED:
            return replace(moved, final_at=_whole(facts.get("final_at")))
        return moved


@dataclass(frozen=True, slots=True)
class World:
    """What the steps of an erasure depend on, as it is now.

    Attributes:
        now: Unix seconds.
        authorised: whether the logged request holds.
        hold: the one of the person's legal holds that lasts longest, if there is one.
        waiting: how many acts of the person are on their way to the chain.
        anchored: how many entries the anchored checkpoint covers.
        deleted: whether the stop list has that the person's key was deleted; an entry of the log alone can be forged.
        epoch: of keys that is live.
        undestroyed: whether some dead epoch's key may still lie in a replica folder.
    """

    now: int
    authorised: bool
    hold: Hold | None
    waiting: int
    anchored: int
    deleted: bool
    epoch: int
    undestroyed: bool


def next_state(erasure: Erasure, world: World) -> ErasureState | Wait | None:
    """Return the state that comes next, what it waits for, or None when the erasure is final."""
    return _STEPS[erasure.state](erasure, world)


def _blocked(erasure: Erasure, world: World) -> ErasureState | Wait | None:
    if not world.authorised:
        return Wait.REQUEST
    if world.hold and world.hold.lasts(world.now):
        return ErasureState.BLOCKED_RETAINED
    if world.waiting:
        return Wait.CHAIN
    return ErasureState.KEY_DELETED if world.anchored > erasure.last else Wait.ANCHOR


def _retained(_erasure: Erasure, world: World) -> ErasureState | Wait | None:
    return Wait.HOLD if world.hold and world.hold.lasts(world.now) else ErasureState.BLOCKED


def _key_deleted(erasure: Erasure, world: World) -> ErasureState | Wait | None:
    return _living(erasure, world) or ErasureState.EPOCH_TURNED


def _turned(erasure: Erasure, world: World) -> ErasureState | Wait | None:
    return _final(erasure, world) or ErasureState.FINAL


def _living(erasure: Erasure, world: World) -> Wait | None:
    """Say what keeps the epoch of the deleted key alive."""
    if not world.deleted:
        return Wait.REQUEST
    if world.epoch <= erasure.epoch:
        return Wait.TURN
    return Wait.REPLICA if world.undestroyed else None


def _asked(_erasure: Erasure, world: World) -> ErasureState | Wait | None:
    return ErasureState.BLOCKED if world.authorised else Wait.REQUEST


def _final(erasure: Erasure, world: World) -> Wait | None:
    """Say what is missing: an entry that says so makes nothing final."""
    return _living(erasure, world) or (None if world.now >= erasure.final_at else Wait.DATE)


_STEPS: Final = {
    ErasureState.REQUESTED: _asked,
    ErasureState.HOLD_CHECK: _asked,
    ErasureState.BLOCKED: _blocked,
    ErasureState.BLOCKED_RETAINED: _retained,
    ErasureState.KEY_DELETED: _key_deleted,
    ErasureState.EPOCH_TURNED: _turned,
    ErasureState.FINAL: _final,
}


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
