"""`consentry anchor`: the log goes on the chain now, in the process that runs the ledger."""

import time
from pathlib import Path
from typing import Final

from rich.console import Console

from consent import wiring
from consent.domain.errors import LedgerUnavailableError
from consent.ports import AnchoredAt, Store
from consent.settings import Databases

LOOK_SECONDS: Final = 0.5
WAIT_SECONDS: Final = 600


def run(home: Path, *, wait: bool) -> None:
    """Ask for an anchor of all that the log holds now; with `wait`, end once the chain has it for good.

    Raises `LedgerUnavailableError` where that takes longer than ten minutes.
    """
    console = Console()
    with wiring.opened_records(home, Databases.read()) as store:
        with store.begin() as unit:
            size = unit.log.size()
            unit.log.ask_for_anchor(int(wiring.utc_now().timestamp()))
        console.print(f"Asked for: `consentry ledger` anchors {size:,} entries at its next step.", highlight=False)
        if not wait:
            return
        until = time.monotonic() + WAIT_SECONDS
        while (newest := _newest(store)).size < size:
            if time.monotonic() > until:
                raise LedgerUnavailableError("nothing was anchored in ten minutes: see that `consentry ledger` runs")
            time.sleep(LOOK_SECONDS)
        console.print(f"Anchored: the first {newest.size:,} entries, by block {newest.block}.", highlight=False)


def _newest(store: Store) -> AnchoredAt:
    with store.reading() as unit:
        return max(unit.log.anchors(), key=lambda anchored: anchored.size, default=AnchoredAt(0, 0, 0))
