"""The researchers' commands up to a cohort: signing in, studies, requests to people, and cohorts; over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli.app import app

LONGEST_HOURS = 8
AsJson = Annotated[bool, typer.Option("--json", help="The server's answer, as JSON.")]
OfStudy = Annotated[str, typer.Option("--study", help="The study's id; without it the one that you signed in for.")]
StudyFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The study, a TOML file.")]
QueryFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CohortQuery, as JSON.")]

study_app = typer.Typer(help="Studies: written, looked at as patients will, handed in.", no_args_is_help=True)
app.add_typer(study_app, name="study")
cohort_app = typer.Typer(
    help="Cohorts: counted with noise under a budget, and kept for trainings.", no_args_is_help=True
)
app.add_typer(cohort_app, name="cohort")
request_app = typer.Typer(help="What people are asked for a study, and how many said yes.", no_args_is_help=True)
app.add_typer(request_app, name="request")


@app.command()
def login(
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Your client's key file.")],
    url: Annotated[str, typer.Argument(help="The server's address; the one that the key file names without it.")] = "",
    client: Annotated[str, typer.Option(help="The client's id, which the key file must be of.")] = "",
    study: Annotated[str, typer.Option(help="The study that later commands are about.")] = "",
    personal: Annotated[
        int | None, typer.Option(min=1, max=LONGEST_HOURS, help="Print a token for a notebook, for so many hours.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign in to a server, and remember where and as whom; the key stays in its file."""
    from consent.cli.research.signing_in import login as run

    run(url, key, client, study, personal, as_json=as_json)


@study_app.command()
def new(file: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Write a study's file to fill in; each field is explained in it."""
    from consent.cli.study_files import new as run

    run(file)


@study_app.command()
def show(
    study: Annotated[str, typer.Argument(metavar="ID|FILE", help="A study's id, or its file, as hearts.toml.")],
    ethics: Annotated[str, typer.Option(help="Of a file: its ethics reference, where the file names none.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show how a study stands; or of a file what patients will read and sign, without asking a server."""
    from consent.cli.research.studies import show as run

    run(study, ethics, as_json=as_json)


@study_app.command()
def draft(file: StudyFile, as_json: AsJson = False) -> None:
    """Keep a file as a draft on the server, in the place of an earlier one with its id; nobody else sees it."""
    from consent.cli.research.studies import draft as run

    run(file, as_json=as_json)


@study_app.command()
def submit(study: Annotated[str, typer.Argument(help="The study's id.")], as_json: AsJson = False) -> None:
    """Hand a draft in: an operator approves or refuses it."""
    from consent.cli.research.studies import submit as run

    run(study, as_json=as_json)


@study_app.command(name="list")
def list_studies(as_json: AsJson = False) -> None:
    """List your drafts and studies, newest first."""
    from consent.cli.research.studies import show_all

    show_all(as_json=as_json)


@cohort_app.command()
def preview(file: QueryFile, study: OfStudy = "", as_json: AsJson = False) -> None:
    """Count whom a query means, among people who allow being counted; it costs budget once."""
    from consent.cli.research.cohorts import preview as run

    run(study, file, as_json=as_json)


@cohort_app.command()
def save(
    file: QueryFile,
    title: Annotated[str, typer.Option(help="What you call it, in one line.")],
    study: OfStudy = "",
    as_json: AsJson = False,
) -> None:
    """Keep a query under a title, to train on it; nobody is counted for that."""
    from consent.cli.research.cohorts import save as run

    run(study, file, title, as_json=as_json)


@cohort_app.command(name="show")
def show_cohort(
    cohort: Annotated[str, typer.Argument(help="The cohort's id.")], study: OfStudy = "", as_json: AsJson = False
) -> None:
    """Show a cohort; with --json its query too."""
    from consent.cli.research.cohorts import show as run

    run(study, cohort, as_json=as_json)


@cohort_app.command(name="list")
def list_cohorts(study: OfStudy = "", as_json: AsJson = False) -> None:
    """List the cohorts that the study keeps, newest first."""
    from consent.cli.research.cohorts import show_all

    show_all(study, as_json=as_json)


@request_app.command()
def send(study: OfStudy = "", as_json: AsJson = False) -> None:
    """Ask everybody who allows being asked, once the study is approved."""
    from consent.cli.research.requests import send as run

    run(study, as_json=as_json)


@request_app.command(name="list")
def list_requests(study: OfStudy = "", as_json: AsJson = False) -> None:
    """List what the study asked of people, newest first."""
    from consent.cli.research.requests import show_all

    show_all(study, as_json=as_json)


@request_app.command()
def answers(
    number: Annotated[int | None, typer.Argument(min=1, help="The request's number; the newest without it.")] = None,
    study: OfStudy = "",
    as_json: AsJson = False,
) -> None:
    """Count who said yes, with noise; it costs budget once."""
    from consent.cli.research.requests import answers as run

    run(study, number, as_json=as_json)
