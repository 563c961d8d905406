"""Memory does not grow with the number of entries: one line is held at a time, and nothing is kept of an access."""

import gc
import tracemalloc
from pathlib import Path
from typing import Final

from consent.verifier.run import verify
from tests.verifier.workshop import Workshop

MEGABYTE: Final = 1_000_000


def _peak(path: Path, life: Workshop) -> int:
    """Return how many bytes checking takes at the most."""
    life.write(path)
    policy = life.policy()
    gc.collect()
    tracemalloc.start()
    try:
        assert all(finding.holds is not False for finding in verify(path, policy))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_three_times_the_entries_take_no_more_memory(tmp_path: Path) -> None:
    """Of the same people, under the same consents; both are larger than the parts in which files are read."""
    life = Workshop()
    life.approve("heart")
    consents = [life.grant(life.enrol(), "heart") for _ in range(10)]
    peaks = []
    for rounds in (400, 800):
        for _ in range(rounds):
            for consent in consents:
                life.read(consent)
        peaks.append(_peak(tmp_path / "bundle.zip", life))
    assert peaks[1] < peaks[0] + MEGABYTE  # eight thousand entries are four as bytes, and some fifteen once read
