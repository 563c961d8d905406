"""When what a person signed goes on chain: one item of theirs a slot, at random over a window. Pure.

Everyone sees the chain. Two addresses whose events always come together would soon be known as one person's, so what
one person does at one moment is spread, and a batch never holds two items of theirs. Waiting costs little: a stop acts
in the vault at once, and a grant counts a little later.

A slot is the Unix second at which it is due, on a grid of `SLOT_SECONDS`. Where the window is 0 nothing waits: slots
are then the newest place of the grid and the seconds before it, which keeps a person's items apart all the same.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import count
from typing import Final

SLOT_SECONDS: Final = 600
LONGEST_WINDOW: Final = 20 * 3600
"""A stop must be on chain within 24 hours; the rest is for a chain that is away."""


def draw_slots(
    now: int, window: int, latest: Sequence[int | None], taken: Collection[int], below: Callable[[int], int]
) -> list[int]:
    """Return a slot for each of one person's items, none twice and none of `taken`.

    Attributes:
        now: Unix seconds.
        window: seconds over which to spread; below `SLOT_SECONDS` nothing waits.
        latest: for each item, the Unix second before which it must be due, None where there is none.
        taken: slots of what waits already for this person.
        below: `below(n)` draws a whole number from 0 to n - 1, each as likely (`secrets.randbelow`).
    """
    drawn: list[int] = []
    for limit in latest:
        free = _free(now, window, limit, {*taken, *drawn})
        drawn.append(free[below(len(free))])
    return drawn


def _free(now: int, window: int, limit: int | None, taken: Collection[int]) -> list[int]:
    """Return the slots to choose from, at least one: the nearest free one where none is left in the window."""
    begun = now - now % SLOT_SECONDS
    ahead = range(begun + SLOT_SECONDS, begun + window + 1, SLOT_SECONDS)
    free = [slot for slot in ahead if slot not in taken and (limit is None or slot < limit)]
    if free:
        return free
    later = limit is None and window >= SLOT_SECONDS  # more items than slots: the window grows
    nearest = count(begun + SLOT_SECONDS, SLOT_SECONDS) if later else count(begun, -1)
    return [next(slot for slot in nearest if slot not in taken)]
