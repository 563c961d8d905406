"""Long lists of subjects, cut to what one statement takes."""

from collections.abc import Iterator, Sequence

BATCH = 500


def in_batches(subjects: Sequence[str], size: int = BATCH) -> Iterator[Sequence[str]]:
    """Yield `subjects` in order, at most `size` at a time."""
    for start in range(0, len(subjects), size):
        yield subjects[start : start + size]
