"""The operator's commands about the researchers' door: clients, their keys and studies, and the staff."""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli.app import Home, app

client_app = typer.Typer(help="Programs of researchers and clinicians that may ask.", no_args_is_help=True)
app.add_typer(client_app, name="client")
staff_app = typer.Typer(help="Operators and auditors who sign in with a passkey.", no_args_is_help=True)
app.add_typer(staff_app, name="staff")

Client = Annotated[str, typer.Argument(help="The client's name: lower-case letters, digits and hyphens.")]
Study = Annotated[str, typer.Argument(help="The study's id.")]
Jwk = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The public key, a JWK.")]
Name = Annotated[str, typer.Argument(help="A name for the log: lower-case letters, digits and hyphens.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, on one line.")]


@app.command(name="client-key")
def client_key(
    file: Annotated[Path, typer.Argument(help="A new file; keep it to yourself.")],
    client: Annotated[str, typer.Option(help="The name under which the client is to be registered.")],
    api: Annotated[str, typer.Option(help="Where the API is.")] = "http://api.localhost:8001",
) -> None:
    """Draw a client's key into a new file, and print the public key for the operator."""
    from consent.cli.desk import draw

    draw(file, client, api)


@client_app.command()
def register(
    home: Home,
    name: Client,
    role: Annotated[str, typer.Option(help="researcher or clinician.")],
    title: Annotated[str, typer.Option(help="What it is, in one line.")],
    jwk: Jwk,
) -> None:
    """Register a client with its first key, and print the key's kid."""
    from consent.cli.desk import register as run
    from consent.services.desk.callers import CLIENT_ROLES, Role

    if role not in CLIENT_ROLES:
        raise typer.BadParameter("a client's role is researcher or clinician")
    run(home, name, Role(role), title, jwk)


@client_app.command()
def key(home: Home, name: Client, jwk: Jwk) -> None:
    """Give a client one more key, and print its kid."""
    from consent.cli.desk import add_key

    add_key(home, name, jwk)


@client_app.command()
def revoke(
    home: Home, name: Client, kid: Annotated[str, typer.Option(help="Only this key of it; else all of it.")] = ""
) -> None:
    """End a client, or one of its keys, for good and at once: tokens that rest on it count no more."""
    from consent.cli.desk import revoke as run

    run(home, name, kid)


@client_app.command()
def allow(home: Home, name: Client, study: Study) -> None:
    """Let a client ask for tokens of an approved study."""
    from consent.cli.desk import allow as run

    run(home, name, study)


@client_app.command()
def forbid(home: Home, name: Client, study: Study) -> None:
    """Let a client ask for tokens of a study no more; those it has count no more."""
    from consent.cli.desk import forbid as run

    run(home, name, study)


@client_app.command(name="list")
def list_clients(home: Home, as_json: AsJson = False) -> None:
    """List the clients with their keys and studies."""
    from consent.cli.desk import show_clients

    show_clients(home, as_json=as_json)


@staff_app.command()
def invite(
    home: Home,
    name: Name,
    role: Annotated[str, typer.Option(help="operator or auditor.")],
    port: Annotated[int, typer.Option(min=1, max=65534, help="The web's port, where CONSENTRY_API is not set.")] = 8000,
) -> None:
    """Print a code with which somebody makes a passkey, once and within a day; who is on the staff adds one."""
    from consent.cli.desk import invite as run
    from consent.services.desk.callers import STAFF_ROLES, Role

    if role not in STAFF_ROLES:
        raise typer.BadParameter("the staff's role is operator or auditor")
    run(home, name, Role(role), port)


@staff_app.command()
def remove(home: Home, name: Name) -> None:
    """Take somebody off the staff, for good and at once."""
    from consent.cli.desk import remove as run

    run(home, name)


@staff_app.command(name="list")
def list_staff(home: Home, as_json: AsJson = False) -> None:
    """List the staff."""
    from consent.cli.desk import show_staff

    show_staff(home, as_json=as_json)
