"""Long lists of subjects, cut to what one statement takes."""

from collections.abc import Iterator, Sequence

BATCH = 500


def in_batches(subjects: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield `subjects` in order, at most `BATCH` at a time."""
    for start in range(0, len(subjects), BATCH):
        yield subjects[start : start + BATCH]
