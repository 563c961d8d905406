"""The researchers' commands from a training on: trainings, models and predictions; over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli.app import app
from consent.cli.research_commands import AsJson, OfStudy

Release = Annotated[int, typer.Argument(min=1, help="The release's number.")]
Cohort = Annotated[str, typer.Option(help="A kept cohort's id: only who is in it.")]
LogKey = Annotated[str, typer.Option(help="The log key as an auditor gave it, 64 hex digits; exit 6 for another.")]

model_app = typer.Typer(help="Models: how good each release is, and what it answers for.", no_args_is_help=True)
app.add_typer(model_app, name="model")


@app.command()
def train(  # noqa: PLR0913, PLR0917  # what the command line offers, each by its name
    dictionary: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="The dictionary, a TOML file.")
    ] = None,
    cohort: Cohort = "",
    rounds: Annotated[int | None, typer.Option(min=1, max=10_000, help="Trees of the model.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show how far it is until it ends.")] = False,
    status: Annotated[str, typer.Option(metavar="JOB", help="Say how far a training is.")] = "",
    cancel: Annotated[str, typer.Option(metavar="JOB", help="End a training.")] = "",
    study: OfStudy = "",
    as_json: AsJson = False,
) -> None:
    """Train a study's next release, on exactly those who consent; or look at a training, or end it."""
    from consent.cli.research import trainings

    if (dictionary is not None) + bool(status) + bool(cancel) != 1:
        raise typer.BadParameter("name a dictionary, or --status JOB, or --cancel JOB")
    if dictionary is None and (cohort or rounds or (cancel and wait)):
        raise typer.BadParameter("--cohort and --rounds are for a training that begins, --wait is for one that goes on")
    if dictionary:
        trainings.start(study, dictionary, cohort, rounds, wait=wait, as_json=as_json)
    elif status:
        trainings.status(study, status, wait=wait, as_json=as_json)
    else:
        trainings.cancel(study, cancel, as_json=as_json)


@app.command()
def predict(
    identifier: Annotated[str, typer.Option(help="One person whom you treat, by the hospital's `system|value`.")] = "",
    aggregate: Annotated[
        bool, typer.Option("--aggregate", help="How many people stand in each fifth of risk.")
    ] = False,
    cohort: Cohort = "",
    study: OfStudy = "",
    as_json: AsJson = False,
) -> None:
    """Ask the study's model: a clinician about one person, a researcher how many people stand where."""
    from consent.cli.research import predictions

    if bool(identifier) == aggregate:
        raise typer.BadParameter("name --identifier, or --aggregate")
    if identifier and cohort:
        raise typer.BadParameter("--cohort goes with --aggregate")
    if identifier:
        predictions.one(study, identifier, as_json=as_json)
    else:
        predictions.aggregate(study, cohort, as_json=as_json)


@model_app.command(name="list")
def list_models(study: OfStudy = "", as_json: AsJson = False) -> None:
    """List the study's releases, newest first."""
    from consent.cli.research.models import show_all

    show_all(study, as_json=as_json)


@model_app.command()
def show(release: Release, study: OfStudy = "", as_json: AsJson = False) -> None:
    """Show what is known of a release; with --json all figures of its evaluation."""
    from consent.cli.research.models import show as run

    run(study, release, as_json=as_json)


@model_app.command()
def card(
    release: Release,
    out: Annotated[Path, typer.Argument(help="A new file.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="In Markdown; a web page without it.")] = False,
    log_key: LogKey = "",
    study: OfStudy = "",
    as_json: AsJson = False,
) -> None:
    """Write a release's card into a file, once its manifest was checked: for whom it is good, and how good."""
    from consent.cli.research.models import card as run

    run(study, release, out, log_key, markdown=markdown, as_json=as_json)


@model_app.command()
def manifest(release: Release, log_key: LogKey = "", study: OfStudy = "", as_json: AsJson = False) -> None:
    """Check what a release answers for, and show it; exit 6 where hash or signature do not hold."""
    from consent.cli.research.models import manifest as run

    run(study, release, log_key, as_json=as_json)


@model_app.command()
def plots(
    release: Release,
    folder: Annotated[Path, typer.Argument(help="A new folder, or one that is empty.")],
    study: OfStudy = "",
    as_json: AsJson = False,
) -> None:
    """Write a release's figures as SVG."""
    from consent.cli.research.models import plots as run

    run(study, release, folder, as_json=as_json)


@model_app.command()
def releases(study: OfStudy = "", as_json: AsJson = False) -> None:
    """Show what changed from release to release, and whether the next one is due."""
    from consent.cli.research.models import releases as run

    run(study, as_json=as_json)
