"""Measure every room, print a table and write `results.json` beside this file.

python -m benchmarks
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks import api, certificate, chain, door, gas, gate, ingest, ledger, log, portal, training, vault, verify
from benchmarks.figure import Figure

ROOMS: Final = (
    gas, chain, gate, ledger, vault, ingest, training, portal, api, door, log, certificate, verify,
)  # fmt: skip
RESULTS: Final = Path(__file__).with_name("results.json")


def main() -> None:
    """Measure, write, print."""
    figures = [figure for room in ROOMS for figure in room.measure()]
    RESULTS.write_text(
        json.dumps([asdict(figure) for figure in figures], indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    Console().print(_table(figures))


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "value", "unit", "compared to", title="Consentry, measured here and now")
    table.columns[1].justify = "right"
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:,}", figure.unit, figure.compared_to)
    return table


if __name__ == "__main__":
    main()
