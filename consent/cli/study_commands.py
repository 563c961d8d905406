"""The commands about studies in an installation's folder: approval, counts, trainings, releases and their review."""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli.app import Home, local_app

Study = Annotated[str, typer.Argument(help="The study's id.")]

model_app = typer.Typer(help="One model of a study.", no_args_is_help=True)
local_app.add_typer(model_app, name="model")
books_app = typer.Typer(help="Studies: written, looked at as patients will, approved.", no_args_is_help=True)
local_app.add_typer(books_app, name="study")
StudyFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The study, a TOML file.")]


@books_app.command()
def new(file: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Write a study's file to fill in; each field is explained in it."""
    from consent.cli.study_files import new as run

    run(file)


@books_app.command()
def show(
    file: StudyFile,
    ethics: Annotated[str, typer.Option(help="Its ethics reference, where the file names none.")] = "",
) -> None:
    """Say what patients will read of a study and sign, and its hash; registers nothing."""
    from consent.cli.study_files import show as run

    run(file, ethics)


@books_app.command()
def approve(
    home: Home,
    file: StudyFile,
    ethics: Annotated[str, typer.Option(help="The reference of the ethics committee's decision; it stays in the log.")],
) -> None:
    """Register a study as approved, for good, and print its id and hash. Patients can be asked from then on."""
    from consent.cli.study_files import approve as run

    run(home, file, ethics)


@books_app.command()
def change(
    home: Home,
    file: StudyFile,
    ethics: Annotated[str, typer.Option(help="The reference of the ethics committee's decision; it stays in the log.")],
) -> None:
    """Let a study say something else. Its people are asked again, and until they agree it gets nothing of theirs."""
    from consent.cli.study_files import change as run

    run(home, file, ethics)


@books_app.command()
def close(home: Home, study: Study) -> None:
    """Close a study for good: nobody is asked or read for it any more, and its models are withdrawn."""
    from consent.cli.study_files import close as run

    run(home, study)


@books_app.command(name="list")
def list_(home: Home) -> None:
    """List the studies: whether each is as it was approved, and how many releases it has."""
    from consent.cli.study_files import show_all

    show_all(home)


@local_app.command()
def count(
    home: Home,
    study: Study,
    query: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CohortQuery, as JSON.")],
) -> None:
    """Count those who are meant among the people who allow being counted; disclosed with noise, under a budget."""
    from consent.cli.studies import count as run

    run(home, study, query)


@local_app.command()
def train(
    home: Home,
    study: Study,
    dictionary: Annotated[Path, typer.Argument(help="The dictionary, a TOML file.", exists=True, dir_okay=False)],
    rounds: Annotated[int | None, typer.Option(min=1, max=10_000, help="Trees of the model.")] = None,
    cohort: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A cohort query, JSON: only who is in it.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show how far it is until it ends.")] = False,
) -> None:
    """Queue the training of a study's next release for a worker, and print the job's id; needs no passphrase."""
    from consent.cli.jobs import train as run

    run(home, study, dictionary, rounds, cohort, wait=wait)


@local_app.command()
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
