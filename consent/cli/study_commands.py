"""The commands about studies that ask for nothing to be trained: counts, releases and their review."""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli.app import Home, app

Study = Annotated[str, typer.Argument(help="The study's id.")]

model_app = typer.Typer(help="One model of a study.", no_args_is_help=True)
app.add_typer(model_app, name="model")


@app.command()
def count(
    home: Home,
    study: Study,
    query: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CohortQuery, as JSON.")],
) -> None:
    """Count those who are meant among the people who allow being counted; disclosed with noise, under a budget."""
    from consent.cli.studies import count as run

    run(home, study, query)


@app.command()
def releases(home: Home, study: Study) -> None:
    """Show how a study's current release stands, whether it is due to be trained anew, and what changed so far."""
    from consent.cli.studies import releases as run

    run(home, study)


@model_app.command()
def review(
    home: Home,
    study: Study,
    release: Annotated[int, typer.Option(min=1, help="The release's number.")],
    activate: Annotated[bool, typer.Option("--activate/--retire", help="Let it be served, or withdraw it for ever.")],
    reason: Annotated[str, typer.Option(help="Why, in one line; it stays in the log for good, so it names nobody.")],
) -> None:
    """Decide on a release: a suspended one may be activated, unless it failed the release gate; any may be retired."""
    from consent.cli.studies import review as run

    run(home, study, release, reason, activate=activate)


@model_app.command()
def verify(
    home: Home,
    study: Study,
    release: Annotated[int | None, typer.Option(min=1, help="The release's number; the newest without it.")] = None,
    rpc: Annotated[str, typer.Option(help="A node of the installation's chain, where a node serves it.")] = "",
) -> None:
    """Fit a release again from its people's records, through the gate, and check all that it answers for."""
    from consent.cli.model_verify import run

    run(home, study, release, rpc)
