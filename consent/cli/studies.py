"""`consentry local count`, `releases` and `model review`: what a study is told, and how its releases stand."""

from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from analytics import CohortQuery
from consent import wiring
from consent.cli.reading import file_text
from consent.services.studies.release_history import PastRelease, what_changed
from consent.services.studies.releasing import ReleaseUnknownError
from consent.settings import Settings
from consent.wiring import Installation


def count(home: Path, study: str, query: Path) -> None:
    """Print whom the query means, how many they are, and what epsilon is left."""
    cohort = CohortQuery.parse(file_text(query, "the cohort query"))
    with wiring.opened(Settings.read(home)) as installation:
        before = installation.counting.left(study)
        disclosed = installation.counting.count(study, cohort)
        left = installation.counting.left(study)
    out = Console()
    out.print(cohort.english(), highlight=False, markup=False, soft_wrap=True)
    shown = "fewer than 10, or nearly everybody" if disclosed.people is None else f"about {disclosed.people:,}"
    out.print(f"People who allow being counted: {shown}.", highlight=False)
    spent = f"Epsilon spent {disclosed.epsilon:g}" if left < before else "Told before, so nothing was spent"
    out.print(f"{spent}; left in this period {left:g}.", highlight=False)


def releases(home: Path, study: str) -> None:
    """Print a study's releases and how the current one stands."""
    out = Console()
    with wiring.opened(Settings.read(home)) as installation:
        history = installation.release_history.of(study)
        standing = _standing(installation, study)
    if history:
        out.print(_table(history))
    for line in [*what_changed(history), standing]:
        out.print(line, highlight=False, markup=False, soft_wrap=True)


def _table(history: list[PastRelease]) -> Table:
    table = Table("release", "status", "rows", "AUROC", Column("model", no_wrap=True), box=SIMPLE)
    for one in history:
        rows = "fewer than 10" if one.rows is None else f"about {one.rows:,}"
        table.add_row(str(one.release), one.status.name, rows, f"{one.auroc:.3f}", one.model.hex()[:16])
    return table


def _standing(installation: Installation, study: str) -> str:
    """Say whether the current release is due, without how many left: it may be one."""
    try:
        state = installation.releasing.state(study)
    except ReleaseUnknownError as error:
        return str(error)
    if state is None:
        return "No release of this study stands."
    where = f"Release {state.release} is {state.status.name}"
    return f"{where}; retrain due: {'; '.join(state.why)}." if state.due else f"{where}; no retraining is due."


def review(home: Path, study: str, release: int, reason: str, *, activate: bool) -> None:
    """Write an operator's decision on a release down; the ledger's process tells the registry."""
    with wiring.opened(Settings.read(home)) as installation:
        decide = installation.reviewing.activate if activate else installation.reviewing.retire
        decide(study, release, reason)
    Console().print("It is served once the registry says so." if activate else "It is served no more.")
