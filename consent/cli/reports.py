"""`consentry reports …`: what people said looks wrong, and the answers to them."""

import sys
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from consent import wiring
from consent.settings import Settings


def show_all(home: Path) -> None:
    """List the reports, the oldest first."""
    with wiring.opened(Settings.read(home)) as installation:
        reports = wiring.reporting(installation).everything()
    table = Table(Column("number", no_wrap=True), "asked", "entry", "answered", box=SIMPLE)
    for report in reports:
        answered = f"{report.answered:%Y-%m-%d}" if report.answered else "no"
        table.add_row(report.number, f"{report.created:%Y-%m-%d %H:%M}", str(report.entry), answered)
    Console().print(table if reports else "Nobody said that anything looks wrong.")


def show(home: Path, number: str) -> None:
    """Print one report: whom it is about, the entry, and what they wrote."""
    with wiring.opened(Settings.read(home)) as installation:
        report = wiring.reporting(installation).one(number)
        with installation.store.reading() as unit:
            entry = unit.log.some([report.entry])[report.entry]
    _say(f"{report.number}, asked {report.created:%Y-%m-%d %H:%M} UTC by {report.subject}")
    _say(f"entry {report.entry}: {entry.body.decode()}")
    _tell("They wrote", report.text or "nothing more")
    if report.answered:
        _tell(f"Answered {report.answered:%Y-%m-%d %H:%M} UTC", report.answer)


def answer(home: Path, number: str, text: str) -> None:
    """Answer a report."""
    with wiring.opened(Settings.read(home)) as installation:
        report = wiring.reporting(installation).answer(number, text, wiring.utc_now())
    _say(f"{report.number} is answered; they see it beside the line.")


def _tell(what: str, text: str) -> None:
    _say(f"{what}:")
    for line in text.split("\n"):
        _say(f"  {line}")


def _say(line: str) -> None:
    """Write a line as it is: neither markup nor colour."""
    sys.stdout.write(f"{line}\n")
