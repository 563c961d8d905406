"""Which entry of the log stood last at a second, and which block did, without reading everything between."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from consent.domain.entry import PlacedEntry
from consent.domain.telling import said
from consent.ports import AuditLog, Head

CLOCKS_DIFFER: Final = 3600
"""Seconds by which the clocks of an installation's processes, or one that was set right, may differ."""


LOOKED_BACK: Final = 10_000
"""How many entries are read, at most, to find those that a clock which is ahead has dated too late."""
_TIME: Final = re.compile(rb'"time":([0-9]{1,15})(?:,"verdict":"[A-Za-z_]*")?,"version":1\}\Z')
"""How an entry ends: names are sorted (RFC 8785), so whatever is nested in it stands before its time."""


def time_of(entry: PlacedEntry) -> int:
    """Return an entry's time in Unix seconds, 0 where it says none."""
    found = _TIME.search(entry.body)
    if found:
        return int(found[1])
    time = (said(entry) or {}).get("time")
    return time if type(time) is int else 0


def day_of(time: object, form: str) -> str:
    """Return a second as a day and an hour, empty where an entry names one that no calendar has."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime(form) if type(time) is int else ""
    except (OverflowError, ValueError, OSError):
        return ""


def first_after(log: AuditLog, second: int) -> int:
    """Return the index of the first entry that is dated after a second, the log's size where none is.

    Entries stand in the order in which they were written, which differs from that of their times by an hour, and by
    `LOOKED_BACK` entries, at most.
    """
    last = near(log, second)
    first = max(near(log, second - CLOCKS_DIFFER), last - LOOKED_BACK)
    return next((entry.index for entry in log.entries(first, last) if time_of(entry) > second), last)


def near(log: AuditLog, second: int) -> int:
    """Return, by halves, the index of an entry that is dated after a second while the one before it is not.

    Whatever stands before is dated an hour after `second` at the latest, whatever follows an hour before it.
    """
    low, high = 0, log.size()
    while low < high:
        middle = (low + high) // 2
        if time_of(log.some([middle])[middle]) > second:
            high = middle
        else:
            low = middle + 1
    return low


@dataclass(frozen=True, slots=True)
class Moments:
    """Blocks whose times are known, by number; `ask` gives the time of any block, where a chain can be asked."""

    known: Sequence[tuple[int, int]]
    ask: Callable[[int], int | None]

    @classmethod
    def of(cls, heads: Iterable[tuple[int, int]], ask: Callable[[int], int | None] = lambda _: None) -> "Moments":
        """Return moments of blocks, pairs of number and Unix seconds, in any order."""
        return cls(sorted(set(heads)), ask)

    def around(self, second: int) -> tuple[int, int]:
        """Return the newest block that surely stood at a second, and the newest that may have; -1 for none.

        They are the same one where the chain can be asked, or where nothing lies between two blocks that are known.
        """
        times = [time for _, time in self.known]
        place = bisect_right(times, second)
        surely = self.known[place - 1][0] if place else -1
        perhaps = self.known[place][0] - 1 if place < len(self.known) else surely
        while surely < perhaps:
            middle = (surely + perhaps + 1) // 2
            time = self.ask(middle)
            if time is None:
                break
            surely, perhaps = (middle, perhaps) if time <= second else (surely, middle - 1)
        return surely, perhaps


def moment(head: Head) -> tuple[int, int]:
    """Return a block's number and time."""
    return head.number, head.time
