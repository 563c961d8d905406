"""Slots: apart for one person, in time, and any as likely as any other."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import permutations, product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from consent.domain.publication import LONGEST_WINDOW, SLOT_SECONDS, draw_slots

NOW = 1_800_000_123
BEGUN = NOW - NOW % SLOT_SECONDS
nows = st.integers(10**9, 4 * 10**9)
windows = st.one_of(st.just(0), st.integers(0, LONGEST_WINDOW))
limits = st.lists(st.one_of(st.none(), st.integers(-2 * 3600, 8 * 24 * 3600)), min_size=1, max_size=60)
slots_taken = st.sets(st.integers(-20, 130), max_size=60)


def window_of(begun: int, window: int) -> set[int]:
    """Return the slots of a window that begins after the slot `begun`."""
    return set(range(begun + SLOT_SECONDS, begun + window + 1, SLOT_SECONDS))


def listed(choices: list[int]) -> Callable[[int], int]:
    """Return what draws these numbers, each taken modulo what is asked for."""
    left = iter(choices)
    return lambda below: next(left) % below


@given(nows, windows, limits, slots_taken, st.randoms(use_true_random=False))
def test_a_persons_slots_are_apart_on_the_grid_and_in_time(
    now: int, window: int, later: list[int | None], places: set[int], random: Random
) -> None:
    begun = now - now % SLOT_SECONDS
    latest = [None if seconds is None else now + seconds for seconds in later]
    taken = {begun + place * SLOT_SECONDS for place in places}
    drawn = draw_slots(now, window, latest, taken, random.randrange)
    assert len(drawn) == len(latest)
    assert len({*drawn, *taken}) == len(drawn) + len(taken), "none twice, none that is taken"
    assert all(slot % SLOT_SECONDS == 0 for slot in drawn if slot > now)
    assert all(begun - len(drawn) - len(taken) <= slot for slot in drawn), "what is due at once is not long overdue"
    used = set(taken)
    for slot, limit in zip(drawn, latest, strict=True):
        fitting = {free for free in window_of(begun, window) - used if limit is None or free < limit}
        assert slot in fitting or not fitting, "in the window, before its limit, as long as one is free there"
        assert limit is None or slot < limit or slot <= begun, "never later than its limit: then at once"
        used.add(slot)


@given(nows, st.integers(0, SLOT_SECONDS - 1), limits)
def test_without_a_window_nothing_waits(now: int, window: int, later: list[int | None]) -> None:
    drawn = draw_slots(now, window, [None] * len(later), (), lambda _: 0)
    assert all(slot <= now for slot in drawn)
    assert len(set(drawn)) == len(later)


def test_with_more_items_than_slots_the_window_grows() -> None:
    drawn = draw_slots(NOW, 3 * SLOT_SECONDS, [None] * 7, (), lambda _: 0)
    assert sorted(drawn) == [BEGUN + place * SLOT_SECONDS for place in range(1, 8)]


def test_every_way_to_spread_a_persons_items_is_exactly_as_likely() -> None:
    """All draws of a window of five slots and three items: each ordered choice comes up equally often."""
    ways = Counter(
        tuple(draw_slots(NOW, 5 * SLOT_SECONDS, [None] * 3, (), listed(list(choice))))
        for choice in product(range(5), range(4), range(3))
    )
    slots = [BEGUN + place * SLOT_SECONDS for place in range(1, 6)]
    assert ways == Counter(permutations(slots, 3))


def test_when_a_person_acts_within_a_slot_tells_nothing() -> None:
    assert len({tuple(all_slots(BEGUN + second)) for second in range(0, SLOT_SECONDS, 7)}) == 1


def all_slots(now: int) -> Iterator[int]:
    """Yield each slot that a single item may get, six hours ahead."""
    for choice in range(36):
        yield from draw_slots(now, 36 * SLOT_SECONDS, [None], (), listed([choice]))
