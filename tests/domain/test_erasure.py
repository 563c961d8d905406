"""What an erasure waits for: every state in every world, and no way past a wait."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from consent.domain.erasure import Erasure, ErasureState, Hold, Step, Wait, World, next_state
from consent.domain.terms import SubjectId

S = ErasureState
NOW, LAST, EPOCH, FINAL_AT = 1_800_000_000, 41, 7, 1_800_000_000
LASTING, OPEN, OVER = Hold("court-order", NOW + 1), Hold("court-order"), Hold("court-order", NOW)
ERASURE = Erasure(SubjectId("a" * 32), S.BLOCKED, NOW - 60, LAST, asked=38, last=LAST, epoch=EPOCH, final_at=FINAL_AT)
CLEAR = World(
    now=NOW,
    authorised=True,
    hold=None,
    waiting=0,
    anchored=LAST + 1,
    deleted=True,
    epoch=EPOCH + 1,
    undestroyed=False,
)
"""A world in which nothing holds an erasure up."""


def comes(state: ErasureState, **changed: object) -> ErasureState | Wait | None:
    return next_state(replace(ERASURE, state=state), replace(CLEAR, **changed))  # type: ignore[arg-type]  # its fields


def worlds() -> Iterator[World]:
    """Yield every world that differs in anything a step depends on."""
    kinds = product(
        (NOW - 1, NOW), (True, False), (None, OVER, LASTING, OPEN), (0, 1), (0, LAST, LAST + 1), (True, False),
        (EPOCH - 1, EPOCH, EPOCH + 1), (True, False),
    )  # fmt: skip
    return (World(*kind) for kind in kinds)


@pytest.mark.parametrize(
    ("state", "following"),
    [
        (S.REQUESTED, S.BLOCKED),
        (S.HOLD_CHECK, S.BLOCKED),
        (S.BLOCKED, S.KEY_DELETED),
        (S.BLOCKED_RETAINED, S.BLOCKED),
        (S.KEY_DELETED, S.EPOCH_TURNED),
        (S.EPOCH_TURNED, S.FINAL),
        (S.FINAL, None),
    ],
)
def test_where_nothing_holds_it_up_each_state_has_one_that_follows(
    state: ErasureState, following: ErasureState | None
) -> None:  # fmt: skip
    assert comes(state) is following


@pytest.mark.parametrize(
    ("state", "world", "expected"),
    [
        (S.REQUESTED, {"authorised": False}, Wait.REQUEST),
        (S.HOLD_CHECK, {"authorised": False}, Wait.REQUEST),
        (S.BLOCKED, {"authorised": False}, Wait.REQUEST),
        (S.BLOCKED, {"authorised": False, "hold": OPEN, "waiting": 1, "anchored": 0}, Wait.REQUEST),
        (S.BLOCKED, {"hold": OPEN}, S.BLOCKED_RETAINED),
        (S.BLOCKED, {"hold": LASTING}, S.BLOCKED_RETAINED),
        (S.BLOCKED, {"hold": LASTING, "waiting": 1, "anchored": 0}, S.BLOCKED_RETAINED),
        (S.BLOCKED, {"hold": OVER}, S.KEY_DELETED),
        (S.BLOCKED, {"waiting": 1}, Wait.CHAIN),
        (S.BLOCKED, {"waiting": 1, "anchored": 0}, Wait.CHAIN),
        (S.BLOCKED, {"anchored": 0}, Wait.ANCHOR),
        (S.BLOCKED, {"anchored": LAST}, Wait.ANCHOR),
        (S.BLOCKED_RETAINED, {"hold": OPEN}, Wait.HOLD),
        (S.BLOCKED_RETAINED, {"hold": LASTING}, Wait.HOLD),
        (S.BLOCKED_RETAINED, {"hold": OVER}, S.BLOCKED),
        (S.KEY_DELETED, {"deleted": False}, Wait.REQUEST),
        (S.KEY_DELETED, {"epoch": EPOCH}, Wait.TURN),
        (S.KEY_DELETED, {"epoch": EPOCH - 1}, Wait.TURN),
        (S.KEY_DELETED, {"undestroyed": True}, Wait.REPLICA),
        (S.KEY_DELETED, {"undestroyed": True, "epoch": EPOCH}, Wait.TURN),
        (S.EPOCH_TURNED, {"deleted": False}, Wait.REQUEST),
        (S.EPOCH_TURNED, {"now": FINAL_AT - 1}, Wait.DATE),
    ],
)
def test_what_holds_it_up_is_named(
    state: ErasureState, world: dict[str, object], expected: ErasureState | Wait
) -> None:  # fmt: skip
    assert comes(state, **world) is expected


def test_a_key_is_deleted_only_where_every_reason_to_wait_is_gone() -> None:
    found = [world for world in worlds() if next_state(ERASURE, world) is S.KEY_DELETED]
    assert found
    for world in found:
        assert world.authorised
        assert world.hold in {None, OVER} or (world.hold is LASTING and world.now > NOW)
        assert not world.waiting
        assert world.anchored > ERASURE.last


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        (S.REQUESTED, {S.BLOCKED, Wait.REQUEST}),
        (S.HOLD_CHECK, {S.BLOCKED, Wait.REQUEST}),
        (S.BLOCKED, {S.KEY_DELETED, S.BLOCKED_RETAINED, Wait.REQUEST, Wait.CHAIN, Wait.ANCHOR}),
        (S.BLOCKED_RETAINED, {S.BLOCKED, Wait.HOLD}),
        (S.KEY_DELETED, {S.EPOCH_TURNED, Wait.REQUEST, Wait.TURN, Wait.REPLICA}),
        (S.EPOCH_TURNED, {S.FINAL, Wait.REQUEST, Wait.TURN, Wait.REPLICA, Wait.DATE}),
        (S.FINAL, {None, Wait.REQUEST, Wait.TURN, Wait.REPLICA, Wait.DATE}),
    ],
)
def test_in_no_world_is_a_state_passed_over_or_taken_back(
    state: ErasureState, possible: set[ErasureState | Wait | None]
) -> None:  # fmt: skip
    assert {next_state(replace(ERASURE, state=state), world) for world in worlds()} == possible


def test_a_hold_lasts_up_to_its_second_and_an_open_one_for_good() -> None:
    assert [LASTING.lasts(NOW + late) for late in (0, 1, 2)] == [True, False, False]
    assert OPEN.lasts(2**62)


def entry(state: ErasureState, index: int, actor: str = "patient", **facts: object) -> Step:
    return Step(state, NOW + index, index, actor, facts)


def test_each_entry_leaves_in_the_erasure_what_later_steps_ask_for() -> None:
    erasure = Erasure(ERASURE.subject, S.REQUESTED, NOW, 0)
    steps = [
        entry(S.REQUESTED, 1),
        entry(S.HOLD_CHECK, 2, held=0),
        entry(S.BLOCKED, 5),
        entry(S.KEY_DELETED, 9, epoch=3),
        entry(S.EPOCH_TURNED, 12, final_at=NOW + 700),
        entry(S.FINAL, 20),
    ]
    for step in steps:
        erasure = erasure.after(step)
    assert erasure == Erasure(
        ERASURE.subject, S.FINAL, NOW + 20, 20, asked=1, asked_at=NOW + 1, by="patient", last=5, epoch=3,
        final_at=NOW + 700,
    )  # fmt: skip


def test_a_hold_that_ends_moves_the_last_access_to_the_new_block() -> None:
    erasure = ERASURE.after(entry(S.BLOCKED_RETAINED, 50)).after(entry(S.HOLD_CHECK, 60)).after(entry(S.BLOCKED, 61))
    assert (erasure.last, erasure.asked) == (61, 38)


@pytest.mark.parametrize("written", ["7", None, 1.5, [], True])
def test_facts_that_are_no_whole_numbers_count_as_none(written: object) -> None:
    """`True` is a whole number to Python; it is less than any epoch that was ever live."""
    deleted = replace(ERASURE, epoch=0).after(entry(S.KEY_DELETED, 1, epoch=written))
    assert deleted.epoch in {0, 1}
    assert deleted.after(entry(S.EPOCH_TURNED, 1, final_at=written)).final_at in {0, 1}


def test_after_the_key_is_deleted_nothing_is_passed_over_taken_back_or_dated_back() -> None:
    deleted = ERASURE.after(entry(S.KEY_DELETED, 50, epoch=3))
    assert deleted.after(entry(S.KEY_DELETED, 51, epoch=0)).epoch == deleted.epoch
    for state in (S.REQUESTED, S.HOLD_CHECK, S.BLOCKED, S.BLOCKED_RETAINED, S.FINAL):
        assert deleted.after(entry(state, 51)) == deleted
    turned = deleted.after(entry(S.EPOCH_TURNED, 52, final_at=NOW))
    assert turned.after(entry(S.EPOCH_TURNED, 53, final_at=1)) == turned
