"""What keeps a published figure from pointing at a person: two numbers and the rules they stand for."""

from typing import Final

SMALLEST: Final = 10
"""Groups of fewer people are not shown."""

STEP: Final = 5
"""Counts are shown as multiples of this."""


def shown(count: int) -> int | None:
    """Return a count as it may be shown: None below `SMALLEST`, else the nearest multiple of `STEP`."""
    return None if count < SMALLEST else STEP * round(count / STEP)


def shown_share(part: int, whole: int) -> float | None:
    """Return `part / whole` from shown counts; None when the part or the rest is too small to be shown."""
    part_shown, rest_shown = shown(part), shown(whole - part)
    if part_shown is None or rest_shown is None:
        return None
    return part_shown / (part_shown + rest_shown)
