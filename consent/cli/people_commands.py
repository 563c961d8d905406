"""The commands about people: their records in, what they allow, what is kept of them, and their erasure."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from consent.cli.app import Home, Identifier, Subject, app, local_app

reports_app = typer.Typer(help="What people said looks wrong, and the answers to them.", no_args_is_help=True)
app.add_typer(reports_app, name="reports")
ReportNumber = Annotated[str, typer.Argument(help="The report's number, such as 7K3M-9QXZ.")]


@app.command(name="import")
def import_(
    home: Home,
    files: Annotated[
        list[Path],
        typer.Argument(help="FHIR R4 as JSON: Bundles, NDJSON, single resources; or CSV.", exists=True, dir_okay=False),
    ],
    columns: Annotated[
        Path | None, typer.Option("--csv", exists=True, dir_okay=False, help="The dictionary of CSV files (TOML).")
    ] = None,
    source: Annotated[
        str, typer.Option(help="A name for the system that they come from; its ids then mean the same in every import.")
    ] = "",
    keep_rest: Annotated[
        bool, typer.Option("--keep-rest", help="Take what is right although something is wrong.")
    ] = False,
) -> None:
    """Import patients' records: all that the named files hold, or nothing; what is stored already changes nothing.

    Resources of people who were erased are left out and counted. Where identifiers belong to two people here, or
    somebody's key is missing, the rest is stored and the command ends with 4.
    """
    from consent.cli.records import run

    run(home, files, columns, source, keep_rest=keep_rest)


@app.command()
def attach(
    home: Home,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file of any size.")],
    identifier: Identifier,
    category: Annotated[str, typer.Option(help="imaging, genomics, notes and so on: under which it can be allowed.")],
    media_type: Annotated[str, typer.Option("--type", help="Its media type, such as application/dicom.")],
    name: Annotated[str, typer.Option(help="What it is called here: a FHIR id. The same name is a new version.")],
    title: Annotated[str, typer.Option(help="One line for those who read it.")] = "",
) -> None:
    """Seal a file, such as an image, behind a DocumentReference of one person."""
    from consent.cli.records import attach as run
    from consent.domain.terms import Category
    from consent.services.received import Attachment

    if category not in set(Category):
        raise typer.BadParameter(f"a category is one of {', '.join(Category)}")
    run(home, file, identifier, Attachment(name, Category(category), media_type, title))


@app.command()
def enrol(
    home: Home,
    identifier: Annotated[list[str], typer.Option(help="`system|value`; repeatable, each one the person had.")],
) -> None:
    """Let somebody who was erased come back, as somebody new: lifts the tombstone of their identifiers."""
    from consent.cli.records import enrol as run

    run(home, identifier)


@app.command()
def identify(
    home: Home,
    subject: Annotated[str, typer.Option(help="The SubjectId that `doctor` names.")],
    identifier: Annotated[list[str], typer.Option(help="`system|value`; repeatable, each one the person had.")],
) -> None:
    """Say who somebody is who is being erased: a restore may have forgotten them. Again, it adds what was left out."""
    from consent.cli.records import identify as run

    run(home, subject, identifier)


@local_app.command()
def request(
    home: Home,
    action: Annotated[str, typer.Argument(help="erase, access or replace-key.")],
    subject: Subject = "",
    identifier: Identifier = "",
) -> None:
    """Print a request for one person, which their wallet signs or two operators approve."""
    from consent.cli.erasures import request as run
    from consent.domain.subject_request import RequestAction

    if action not in set(RequestAction):
        raise typer.BadParameter("a request is to erase, for access, or to replace-key")
    run(home, RequestAction(action), subject, identifier)


Request = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The signed or approved request.")]


@app.command()
def access(
    home: Home,
    request: Request,
    out: Annotated[Path | None, typer.Option(help="A new file; without it, standard output.")] = None,
) -> None:
    """Give a person all of their records, as a FHIR R4 Bundle (GDPR, articles 15 and 20)."""
    from consent.cli.records import access as run

    run(home, request, out)


@app.command()
def erase(home: Home, request: Request) -> None:
    """Take up a request for erasure: blocked at once; prints the receipt. `erasures` says how far it is."""
    from consent.cli.erasures import erase as run

    run(home, request)


@app.command()
def erasures(
    home: Home,
    receipt: Annotated[str, typer.Option(help="The SubjectId of a final one, to print its receipt.")] = "",
) -> None:
    """List erasures: where each stands and what it waits for."""
    from consent.cli.erasures import show

    show(home, receipt)


@app.command()
def hold(
    home: Home,
    basis: Annotated[str, typer.Option(help="Why, in a short code: lower-case letters, digits and hyphens.")],
    subject: Subject = "",
    identifier: Identifier = "",
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day it ends; else open.")] = None,
) -> None:
    """Place a legal hold, beside those of another basis: an erasure then blocks the person and keeps their records."""
    from consent.cli.erasures import hold as run

    if not re.fullmatch(r"[a-z0-9-]{1,40}", basis):
        raise typer.BadParameter("a basis is a code of lower-case letters, digits and hyphens: it stays in the log")
    run(home, subject, identifier, basis, until.date() if until else None)


@app.command()
def holds(home: Home) -> None:
    """List the legal holds that last: on whom, on what basis, and until when."""
    from consent.cli.erasures import show_holds

    show_holds(home)


@app.command()
def lift(
    home: Home,
    subject: Subject = "",
    identifier: Identifier = "",
    basis: Annotated[str, typer.Option(help="Of which basis, where several holds last.")] = "",
) -> None:
    """Lift a legal hold; the person's others go on."""
    from consent.cli.erasures import lift as run

    run(home, subject, identifier, basis)


@app.command()
def invite(
    home: Home,
    subject: Subject = "",
    identifier: Identifier = "",
    letter: Annotated[Path | None, typer.Option(help="Write a letter to print, with the code to scan.")] = None,
    request: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="An approved request to replace-key, of somebody who lost all."),
    ] = None,
    language: Annotated[str, typer.Option(help="In which the letter is: en or es.")] = "en",
) -> None:
    """Give one person a code with which they enrol in the portal, once; it takes the place of an earlier one.

    With a request that two operators approved, it makes a new key for somebody who lost theirs: it counts three days
    later, unless the old key says no.
    """
    from consent.cli.inviting import run

    run(home, subject, identifier, letter, request, language)


@app.command()
def consents(home: Home, subject: Subject = "", identifier: Identifier = "") -> None:
    """List what one person allows, and how each consent stands."""
    from consent.cli.stops import show

    show(home, subject, identifier)


@app.command()
def stop(
    home: Home,
    subject: Subject = "",
    identifier: Identifier = "",
    consent: Annotated[list[str] | None, typer.Option(help="A consent's id; repeatable. Without it, all.")] = None,
) -> None:
    """Stop a person's consents at once, without any key of theirs and whether or not the chain is there."""
    from consent.cli.stops import stop as run

    run(home, subject, identifier, consent or [])


@app.command()
def prefer(
    home: Home,
    counted: Annotated[bool, typer.Option("--counted/--not-counted", help="Whether they allow being counted.")],
    subject: Subject = "",
    identifier: Identifier = "",
) -> None:
    """Write down whether a person allows being counted for studies; who never said so is not."""
    from consent.cli.stops import prefer as run

    run(home, subject, identifier, counted=counted)


@reports_app.command(name="list")
def reports_list(home: Home) -> None:
    """List what people said looks wrong in their activity, the oldest first."""
    from consent.cli.reports import show_all

    show_all(home)


@reports_app.command(name="show")
def reports_show(home: Home, number: ReportNumber) -> None:
    """Print one report: the entry of the log, and what the person wrote."""
    from consent.cli.reports import show

    show(home, number)


@reports_app.command(name="answer")
def reports_answer(
    home: Home,
    number: ReportNumber,
    text: Annotated[str, typer.Option(help="What the person is told; it is sealed under their key.")],
) -> None:
    """Answer a report; the person sees it beside the line."""
    from consent.cli.reports import answer

    answer(home, number, text)
