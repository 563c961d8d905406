"""The commands that serve a study's model: predictions, aggregates, and its file that leaves."""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli.app import Home, Identifier, Subject, local_app
from consent.cli.study_commands import model_app

StudyId = Annotated[str, typer.Argument(help="The study's id.")]


@local_app.command()
def predict(
    home: Home,
    study: StudyId,
    requester: Annotated[str, typer.Option("--for", help="Who asks: treating:ROLE, or patient.")],
    subject: Subject = "",
    identifier: Identifier = "",
    fhir: Annotated[bool, typer.Option("--fhir", help="As a FHIR R4 RiskAssessment.")] = False,
) -> None:
    """Print what a study's current model says of one person who allows it, and what that rests on."""
    from consent.cli.serving import predict as run

    run(home, study, requester, subject, identifier, fhir=fhir)


@local_app.command()
def aggregate(
    home: Home,
    study: StudyId,
    cohort: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A cohort query, JSON: only who is in it.")
    ] = None,
) -> None:
    """Print how many people stand in each fifth of the estimated risk, for researchers; costs some of their budget."""
    from consent.cli.serving import aggregate as run

    run(home, study, cohort)


@model_app.command()
def card(
    home: Home,
    study: StudyId,
    out: Annotated[Path, typer.Argument(help="A new folder, or one that is empty.")],
    release: Annotated[int | None, typer.Option(min=1, help="The release's number; the newest without it.")] = None,
    margins: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Figures of all of the hospital's patients, TOML.")
    ] = None,
) -> None:
    """Write a release's model card: what it stands on, how good it is, for whom, and TRIPOD+AI item by item.

    As a web page and in Markdown, with its figures as SVG and PNG.
    """
    from consent.cli.serving import card as run

    run(home, study, out, release, margins)


@model_app.command()
def export(
    home: Home,
    study: StudyId,
    file: Annotated[Path, typer.Argument(help="A new file.")],
    release: Annotated[int, typer.Option(min=1, help="The release's number.")],
) -> None:
    """Write an active release's model for use elsewhere, if it passed the release gate; it forecasts and explains not.

    The log has the file's hash. What left cannot be called back when somebody withdraws.
    """
    from consent.cli.serving import export as run

    run(home, study, release, file)
