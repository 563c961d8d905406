"""Which entry and which block stood at a second."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from consent.domain.entry import Action, Entry, PlacedEntry
from consent.domain.hashing import Json
from consent.services.console.dating import CLOCKS_DIFFER, LOOKED_BACK, Moments, first_after, near, time_of


@dataclass(frozen=True)
class Entries:
    """As much of a log as is asked; `read` counts entries."""

    placed: list[PlacedEntry]
    read: list[int]

    @classmethod
    def at(cls, *times: int) -> "Entries":
        """Return entries of these times."""
        placed = [Entry(time, "operator", Action.IMPORT).placed(index) for index, time in enumerate(times)]
        return cls(placed, [])

    def size(self) -> int:
        """Return how many there are."""
        return len(self.placed)

    def some(self, indices: list[int]) -> Mapping[int, PlacedEntry]:
        """Return these."""
        self.read.extend(indices)
        return {index: self.placed[index] for index in indices}

    def entries(self, first: int, last: int) -> Iterator[PlacedEntry]:
        """Yield those from an index on, up to another."""
        for entry in self.placed[first:last]:
            self.read.append(entry.index)
            yield entry


def test_the_first_entry_after_a_second_is_found() -> None:
    log = Entries.at(10_000, 10_000, 20_000, 30_000)
    found = [first_after(log, second) for second in (9_999, 10_000, 19_999, 20_000, 30_000)]  # type: ignore[arg-type]
    assert found == [0, 2, 2, 3, 4]


def test_an_empty_log_has_none() -> None:
    assert first_after(Entries.at(), 5) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_clocks_that_differ_by_an_hour_hide_nothing(seed: int) -> None:
    dice = random.Random(seed)
    times = [100_000 + 600 * place + dice.randint(-CLOCKS_DIFFER // 2, CLOCKS_DIFFER // 2) for place in range(300)]
    log = Entries.at(*times)
    for second in dice.sample(range(90_000, 300_000), 40):
        expected = next((index for index, time in enumerate(times) if time > second), len(times))
        assert first_after(log, second) == expected  # type: ignore[arg-type]
        wanted = [index for index, time in enumerate(times) if time >= second]
        before = near(log, second - CLOCKS_DIFFER - 1) - 1  # type: ignore[arg-type]
        assert not wanted or max(0, before) <= wanted[0]


def test_as_many_entries_in_one_second_are_not_all_read() -> None:
    log = Entries.at(*[1_000] * 50_000, *[2_000] * 50_000)
    assert first_after(log, 1_500) == 50_000  # type: ignore[arg-type]
    assert len(log.read) < LOOKED_BACK + 100


@pytest.mark.parametrize("verdict", ["", "PERMIT"])
def test_an_entrys_own_time_is_read_and_no_other(verdict: str) -> None:
    facts: dict[str, Json] = {"time": 7, "text": '"time":8,"verdict"', "z": {"time": 9, "verdict": "x"}}
    entry = Entry(1_234, "operator", Action.REPORT, verdict, facts=facts)
    assert time_of(entry.placed(0)) == 1_234
    assert time_of(PlacedEntry(0, b"nothing", bytes(32))) == 0


def test_a_long_log_is_not_read_through() -> None:
    log = Entries.at(*(1_000_000 + 60 * place for place in range(100_000)))
    assert first_after(log, 1_000_000 + 60 * 70_000) == 70_001  # type: ignore[arg-type]
    assert len(log.read) < 200


def test_between_two_blocks_that_are_known_it_is_left_open() -> None:
    moments = Moments.of([(10, 1000), (20, 2000), (0, 100)])
    assert [moments.around(second) for second in (99, 100, 1500, 2000, 9000)] == [
        (-1, -1), (0, 9), (10, 19), (20, 20), (20, 20)
    ]  # fmt: skip


def test_blocks_that_follow_each_other_leave_nothing_open() -> None:
    assert Moments.of([(10, 1000), (11, 2000)]).around(1999) == (10, 10)


def test_where_a_chain_can_be_asked_nothing_is_left_open() -> None:
    moments = Moments.of([(10, 1000), (20, 2000)], lambda block: block * 100)
    assert [moments.around(second) for second in (1000, 1099, 1100, 1999)] == [(10, 10), (10, 10), (11, 11), (19, 19)]


def test_without_any_block_nothing_stood() -> None:
    assert Moments.of([]).around(5) == (-1, -1)
