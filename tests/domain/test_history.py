"""The registry's history: known answers, and that no event can be dropped, added, moved or altered."""

from dataclasses import fields, replace
from typing import Any, Final

import pytest
from eth_utils.crypto import keccak as published_keccak
from hypothesis import given
from hypothesis import strategies as st

from consent.domain.history import EMPTY_HISTORY, Event, Granted, Revoked, fold
from consent.domain.typed_data import Address

ALICE: Final = Address(bytes.fromhex("11" * 20))
CUSTODIAN: Final = Address(bytes.fromhex("22" * 20))
COMMITMENT: Final = bytes.fromhex("33" * 32)
GRANTED: Final = Granted(ALICE, COMMITMENT, expires=1_900_000_000, block=7, time=1_800_000_000)
REVOKED: Final = Revoked(ALICE, COMMITMENT, CUSTODIAN, block=8, time=1_800_000_012)

blocks = st.integers(0, 2**64 - 1)
addresses = st.binary(min_size=20, max_size=20).map(Address)
hashes = st.binary(min_size=32, max_size=32)
granted = st.builds(Granted, addresses, hashes, blocks, blocks, blocks)
revoked = st.builds(Revoked, addresses, hashes, addresses, blocks, blocks)
events = st.lists(st.one_of(granted, revoked), max_size=6)


def test_nothing_folds_to_zero() -> None:
    assert fold(EMPTY_HISTORY, []) == bytes(32)


def test_a_grant_and_a_revocation_fold_to_known_answers() -> None:
    """The words are written out here as the contract lays them out, hashed by another library."""
    grant_words = (
        "00" * 32
        + f"{1:064x}"
        + "00" * 12
        + "11" * 20
        + "33" * 32
        + f"{1_900_000_000:064x}{7:064x}{1_800_000_000:064x}"
    )
    once = published_keccak(hexstr=grant_words)
    assert fold(EMPTY_HISTORY, [GRANTED]) == once
    words = f"{2:064x}" + "00" * 12 + "11" * 20 + "33" * 32 + "00" * 12 + "22" * 20 + f"{8:064x}{1_800_000_012:064x}"
    twice = published_keccak(once + bytes.fromhex(words))
    assert fold(EMPTY_HISTORY, [GRANTED, REVOKED]) == twice
    assert twice.hex() == "5d5eac8d643b41a9ce60e4bd1bd5b31b6ed34d1dfa3704357da53199ad585e52"


@given(events, events)
def test_folding_goes_on_where_it_stopped(first: list[Event], then: list[Event]) -> None:
    assert fold(fold(EMPTY_HISTORY, first), then) == fold(EMPTY_HISTORY, first + then)


@given(events, events)
def test_other_events_fold_to_another_history(one: list[Event], other: list[Event]) -> None:
    assert (fold(EMPTY_HISTORY, one) == fold(EMPTY_HISTORY, other)) == (one == other)


CHANGES: Final[list[tuple[Event, dict[str, Any]]]] = [
    *((event, {"patient": CUSTODIAN}) for event in (GRANTED, REVOKED)),
    *((event, {"commitment": bytes(32)}) for event in (GRANTED, REVOKED)),
    *((event, {"block": event.block + 1}) for event in (GRANTED, REVOKED)),
    *((event, {"time": event.time - 1}) for event in (GRANTED, REVOKED)),
    (GRANTED, {"expires": GRANTED.expires + 1}),
    (REVOKED, {"by": ALICE}),
]


def test_the_changes_below_leave_no_member_out() -> None:
    assert {name for _, change in CHANGES for name in change} == {
        field.name for kind in (Granted, Revoked) for field in fields(kind)
    }


@pytest.mark.parametrize(("event", "change"), CHANGES)
def test_an_altered_or_backdated_event_changes_the_history(event: Event, change: dict[str, Any]) -> None:
    assert fold(EMPTY_HISTORY, [event]) != fold(EMPTY_HISTORY, [replace(event, **change)])


def test_a_dropped_added_or_reordered_event_changes_the_history() -> None:
    seen: list[list[Event]] = [[], [GRANTED], [REVOKED], [GRANTED, REVOKED], [REVOKED, GRANTED], [GRANTED] * 2]
    histories = {fold(EMPTY_HISTORY, each) for each in seen}
    assert len(histories) == 6


def test_a_revocation_is_no_grant_that_expires_at_its_revoker() -> None:
    as_grant = Granted(ALICE, COMMITMENT, int.from_bytes(CUSTODIAN, "big"), REVOKED.block, REVOKED.time)
    assert fold(EMPTY_HISTORY, [as_grant]) != fold(EMPTY_HISTORY, [REVOKED])
