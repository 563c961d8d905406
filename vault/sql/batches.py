"""Long lists of subjects or rows, cut to what one statement takes."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

BATCH = 500
_One = TypeVar("_One")


def in_batches(all_of_them: Sequence[_One], size: int = BATCH) -> Iterator[Sequence[_One]]:
    """Yield them in order, at most `size` at a time."""
    for start in range(0, len(all_of_them), size):
        yield all_of_them[start : start + size]
