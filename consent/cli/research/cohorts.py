"""`consentry cohort …`: who is meant, counted with noise, and kept for trainings."""

from pathlib import Path

from rich.table import Column

from consent.cli.research import showing
from consent.cli.research.reading import query_in
from consent.cli.research.signing_in import bound
from consent.client import Cohort


def preview(study: str, file: Path, *, as_json: bool) -> None:
    """Count a query."""
    query = query_in(file)
    with bound(study) as api, showing.busy("counting; the first count of a day takes longer"):
        found = api.cohorts.preview(query)
    if as_json:
        showing.as_json(found)
        return
    showing.facts(
        ("who", found.english),
        ("people", f"{showing.people(found.people)} of those who allow being counted"),
        ("epsilon", f"{found.epsilon:g}, once; {found.left:g} left in this period"),
    )


def save(study: str, file: Path, title: str, *, as_json: bool) -> None:
    """Keep a query under a title."""
    query = query_in(file)
    with bound(study) as api, showing.busy("keeping the cohort"):
        _tell(api.cohorts.save(title, query), as_json=as_json)


def show(study: str, cohort: str, *, as_json: bool) -> None:
    """Show one by its id."""
    with bound(study) as api, showing.busy("asking for the cohort"):
        _tell(api.cohorts.read(cohort), as_json=as_json)


def show_all(study: str, *, as_json: bool) -> None:
    """List those that are kept."""
    with bound(study) as api, showing.busy("asking for cohorts"):
        found = list(api.cohorts())
    if as_json:
        showing.as_json_list(found)
        return
    columns = (Column("cohort", no_wrap=True), "title", Column("kept", no_wrap=True))
    rows = ((one.id, one.title, showing.moment(one.created)) for one in found)
    showing.table(columns, rows, "No cohort is kept: `consentry cohort save FILE --title …` keeps one.")


def _tell(cohort: Cohort, *, as_json: bool) -> None:
    if as_json:
        showing.as_json(cohort)
        return
    showing.facts(
        ("cohort", cohort.id),
        ("title", cohort.title),
        ("who", cohort.english),
        ("kept", showing.moment(cohort.created)),
        ("question", cohort.question),
    )
