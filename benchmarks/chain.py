"""How fast the embedded chain is: starting, writing and reading."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.figure import Figure
from consent.adapters.embedded_chain import ChainKeys, EmbeddedChain
from consent.domain.grant import BATCH_LIMIT, PublishedGrant
from consent.ports import Grants
from tests.wallets import Wallet

BATCHES: Final = 5
_DAY: Final = 86_400


def measure() -> Iterator[Figure]:
    """Yield seconds and rates of one chain in a temporary folder."""
    keys = ChainKeys.draw()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.sqlite"
        EmbeddedChain.create(path, keys, int(time.time())).close()
        opening = median(_seconds(lambda: EmbeddedChain.open(path, keys).close()) for _ in range(BATCHES))
        yield Figure("chain.open", round(opening, 4), "s", "10 ms in a prototype", "open and check the deployment")
        with EmbeddedChain.open(path, keys) as chain:
            batches = [_batch(chain) for _ in range(BATCHES)]
            writing = median(_seconds(partial(chain.send, Grants(batch))) for batch in batches)
            reading = _seconds(lambda: chain.events(0, chain.head().number))
    yield Figure(
        "chain.grant_batch_256", round(writing, 3), "s", "2 ms a grant in a prototype", "signed, mined and on disk"
    )
    events = round(BATCHES * BATCH_LIMIT / reading)
    yield Figure("chain.events", events, "events a second", "-", "read from receipts, each checked by hash")


def _batch(chain: EmbeddedChain) -> list[PublishedGrant]:
    now = chain.head().time
    return [Wallet.draw().grant(chain.domain, now + 30 * _DAY, now + _DAY) for _ in range(BATCH_LIMIT)]


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start
