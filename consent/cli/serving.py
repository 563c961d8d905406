"""`consentry local predict`, `aggregate`, `model card` and `model export`: what a model says, its card and file."""

import json
import sys
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from analytics.card import Margins
from analytics.cohort import CohortQuery
from consent import wiring
from consent.adapters.fhir.risk_assessment import risk_assessment
from consent.cli.reading import file_text
from consent.cli.stops import person_of
from consent.services.studies.aggregating import FIFTHS, Aggregate
from consent.services.studies.cards import card_of, drawn
from consent.services.studies.requesters import requester_of
from consent.settings import Settings, SettingsError
from vault.files import write_new


def predict(home: Path, study: str, requester: str, subject: str, identifier: str, *, fhir: bool) -> None:
    """Print a prediction in plain words, or as FHIR; whoever runs this answers for who asks."""
    asking = requester_of(requester)
    with wiring.opened(Settings.read(home)) as installation:
        person = person_of(installation, subject, identifier)
        explained = installation.predicting.predict(study, person, asking, wiring.utc_now())
    sys.stdout.write(json.dumps(risk_assessment(explained), indent=2) + "\n" if fhir else explained.text())


def aggregate(home: Path, study: str, cohort: Path | None) -> None:
    """Print people by fifth of the estimated risk."""
    query = _cohort(cohort) if cohort else None
    with wiring.opened(Settings.read(home)) as installation:
        found = installation.aggregating.aggregate(study, wiring.utc_now(), query)
    out = Console()
    if query:
        out.print(query.english(), highlight=False, markup=False, soft_wrap=True)
    out.print(_table(found))
    told = f"Release {found.release}; with noise, in fives. Epsilon spent {found.epsilon:g}, left {found.left:g}."
    out.print(told, highlight=False)


def card(home: Path, study: str, out: Path, release: int | None, margins: Path | None) -> None:
    """Write a release's model card into a folder."""
    told = Margins.parse(file_text(margins, "the margins")) if margins else None
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError("there is something already: name a new folder, or an empty one")
    with wiring.opened(Settings.read(home)) as installation:
        facts = installation.release_room.facts(study, release)
    found = drawn(card_of(facts, told))
    files = {"card.html": found.page.encode(), "card.md": found.text.encode(), **found.figures}
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_new(out / name, content)
    sys.stdout.write(f"{out / 'card.html'}\n")


def export(home: Path, study: str, release: int, file: Path) -> None:
    """Write a release's file, and print its hash."""
    if file.exists():
        raise SettingsError("the file is there already: name a new one")
    with wiring.opened(Settings.read(home)) as installation:
        exported = installation.exporting.export(study, release, wiring.utc_now())
    write_new(file, exported.content)
    sys.stdout.write(f"{exported.hash}  {file}\n")


def _table(found: Aggregate) -> Table:
    table = Table("estimated risk", Column("people", justify="right"), box=SIMPLE)
    width = 100 // FIFTHS
    for place, people in enumerate(found.people):
        table.add_row(
            f"{place * width} to {(place + 1) * width} %", "too few to tell" if people is None else f"{people:,}"
        )
    return table


def _cohort(path: Path) -> CohortQuery:
    return CohortQuery.parse(file_text(path, "the cohort query"))
