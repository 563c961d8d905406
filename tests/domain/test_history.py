"""The registry's history: known answers, and that no event can be dropped, added, moved or altered."""

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import accumulate
from random import Random
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


# ------------------------------------------------------------------------------------------- every single falsification

EVENTS: Final = 500
FAR_SWAPS: Final = 500


def a_history(draws: Random) -> list[Event]:
    """Return grants and revocations of many patients, up to four a block, as a registry might announce them."""
    found, block, time = list[Event](), 5, 1_800_000_000
    for number in range(EVENTS):
        if draws.random() < 0.4:  # a new block
            block, time = block + draws.randint(1, 3), time + draws.randint(12, 90_000)
        patient, commitment = Address(draws.randbytes(20)), draws.randbytes(32)
        earlier = found[draws.randrange(number)] if number else GRANTED
        if draws.random() < 0.7:  # a grant
            found.append(Granted(patient, commitment, time + draws.randint(1, 10**8), block, time))
        else:
            found.append(Revoked(earlier.patient, earlier.commitment, earlier.patient, block, time))
    return found


def alterations(event: Event) -> list[Event]:
    """Return the event with each member changed, moved to another block and time, and as one of the other kind."""
    changed: list[dict[str, Any]] = [
        {"patient": Address(bytes([event.patient[0] ^ 1]) + event.patient[1:])},
        {"commitment": event.commitment[:-1] + bytes([event.commitment[-1] ^ 1])},
        {"expires": event.expires + 1} if isinstance(event, Granted) else {"by": CUSTODIAN},
        *({"block": event.block + step} for step in (-1, 1)),
        *({"time": event.time + step} for step in (-86_400, -1, 1)),
        {"block": event.block - 1, "time": event.time - 12},
    ]
    return [*(replace(event, **change) for change in changed), as_the_other_kind(event)]


def as_the_other_kind(event: Event) -> Event:
    """Return the event with the same words but its kind."""
    if isinstance(event, Granted):
        by = Address(event.expires.to_bytes(20))
        return Revoked(event.patient, event.commitment, by, event.block, event.time)
    return Granted(event.patient, event.commitment, int.from_bytes(event.by), event.block, event.time)


def falsifications(events: list[Event], draws: Random) -> Iterator[tuple[int, list[Event]]]:
    """Yield every single one: how many first events it leaves as they are, and all that then follow."""
    for at, event in enumerate(events):
        rest = events[at + 1 :]
        yield at, rest
        yield at, [event, event, *rest]
        yield from ((at, [altered, *rest]) for altered in alterations(event))
    for at in range(len(events) + 1):
        block, time = (events[at - 1].block, events[at - 1].time) if at else (1, 1)
        stranger = Granted(Address(draws.randbytes(20)), draws.randbytes(32), time + 1, block, time)
        yield at, [stranger, *events[at:]]
        yield at, [draws.choice(events), *events[at:]]
    for at in range(len(events) - 1):
        yield at, [events[at + 1], events[at], *events[at + 2 :]]
    for _ in range(FAR_SWAPS):
        one, other = sorted(draws.sample(range(len(events)), 2))
        yield one, [events[other], *events[one + 1 : other], events[one], *events[other + 1 :]]


def test_an_auditor_with_the_events_and_one_trusted_history_finds_every_single_falsification() -> None:
    """All 8,001: each event removed, repeated, altered; one added at each place; each pair of neighbours swapped."""
    draws = Random(20_270_115)
    events = a_history(draws)
    prefixes = list(accumulate(events, lambda history, event: fold(history, [event]), initial=EMPTY_HISTORY))
    trusted = fold(EMPTY_HISTORY, events)
    assert prefixes[-1] == trusted
    found = [fold(prefixes[kept], rest) != trusted for kept, rest in falsifications(events, draws)]
    assert found == [True] * (12 * EVENTS + 2 * (EVENTS + 1) + (EVENTS - 1) + FAR_SWAPS)
    assert len(found) == 8_001
