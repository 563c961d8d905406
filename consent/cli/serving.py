"""`consentry predict`, `aggregate` and `model export`: what a study's model says of people, and its file."""

import json
import sys
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from analytics.cohort import CohortQuery
from consent import wiring
from consent.adapters.fhir.risk_assessment import risk_assessment
from consent.cli.stops import person_of
from consent.services.studies.aggregating import FIFTHS, Aggregate
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
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("the cohort query cannot be read: name a JSON file in UTF-8") from error
    return CohortQuery.parse(text)
