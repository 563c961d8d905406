"""The commands that keep an installation well: keys, backups, upgrades, its operators."""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli.app import Home, app

Name = Annotated[str, typer.Argument(help="The operator's name: a role's, such as privacy-office.")]
Approval = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False, help="A registered operator's approval; where it is not there, the request for it is written."
    ),
]
OperatorPassphrase = Annotated[
    Path | None,
    typer.Option(
        envvar="CONSENTRY_OPERATOR_PASSPHRASE_FILE",
        dir_okay=False,
        help="File whose first line opens the operator's key; asked for where none is named.",
    ),
]
operator = typer.Typer(
    help="Register and remove operators, who approve what one person alone must not do.", no_args_is_help=True
)
app.add_typer(operator, name="operator")


epoch = typer.Typer(help="Turn the epoch of keys.", no_args_is_help=True)
app.add_typer(epoch, name="epoch")


@epoch.command()
def turn(
    home: Home,
    patients_only: Annotated[
        bool, typer.Option("--patients-only", help="Leave behind keys of people whom the records do not know.")
    ] = False,
    give_up_lost_keys: Annotated[
        bool,
        typer.Option("--give-up-lost-keys", help="Turn although people have no key: no older backup helps them then."),
    ] = False,
) -> None:
    """Turn the epoch now: copies of the databases made before open nothing of who was erased."""
    from consent.cli.upkeep import turn as run

    run(home, patients_only=patients_only, give_up_lost_keys=give_up_lost_keys)


@app.command()
def backup(
    home: Home,
    folder: Annotated[
        Path | None, typer.Argument(help="Where to; without it CONSENTRY_BACKUPS, else `backups` in HOME.")
    ] = None,
) -> None:
    """Write a backup of records, keys and an embedded chain, each into a folder of its own, and read it back."""
    from consent.cli.upkeep import backup as run

    run(home, folder)


@app.command()
def restore(
    home: Home,
    records: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A backup of the records.")] = None,
    keys: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A backup of the keys, of the live epoch.")
    ] = None,
    chain: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The embedded chain, with the same backup's records."),
    ] = None,
) -> None:
    """Put a backup in the place of what is there; stops and erasures that it does not know are done again."""
    from consent.cli.upkeep import restore as run

    run(home, records, keys, chain)


@app.command()
def upgrade(home: Home) -> None:
    """Bring an installation of an older version up to date; stop its programs first."""
    from consent.cli.upkeep import upgrade as run

    run(home)


@app.command()
def doctor(home: Home) -> None:
    """Say what is wrong with an installation, and what to do about it; exit 7 when something is."""
    from consent.cli.upkeep import doctor as run

    run(home)


@app.command()
def anchor(
    home: Home,
    wait: Annotated[
        bool, typer.Option("--wait", help="End once the chain has it for good; the ledger must run.")
    ] = False,
) -> None:
    """Have the log anchored now, not at its hour: before an audit, or before a key is deleted."""
    from consent.cli.anchor import run

    run(home, wait=wait)


@operator.command(name="new")
def operator_new(
    key_file: Annotated[Path, typer.Argument(help="The operator's own new key file.")],
    passphrase_file: OperatorPassphrase = None,
) -> None:
    """Draw an operator's key on the operator's own machine, and print the public key."""
    from consent.cli.operators import new

    new(key_file, passphrase_file)


@operator.command(name="list")
def operator_list(home: Home) -> None:
    """List the registered operators."""
    from consent.cli.operators import show

    show(home)


@operator.command(name="add")
def operator_add(
    home: Home,
    name: Name,
    public_key: Annotated[str, typer.Argument(help="As `operator new` printed it.")],
    approval: Approval = None,
) -> None:
    """Register an operator: the first two freely, each later one with the approval of one who is registered."""
    from consent.cli.operators import add

    add(home, name, public_key, approval)


@operator.command(name="remove")
def operator_remove(home: Home, name: Name, approval: Approval = None) -> None:
    """Take an operator out of the register, with the approval of one who is registered."""
    from consent.cli.operators import remove

    remove(home, name, approval)


@app.command()
def approve(
    request: Annotated[Path, typer.Argument(help="The request's file.", exists=True, dir_okay=False)],
    operator: Annotated[str, typer.Option(help="Under which name you are registered.")],
    key: Annotated[Path, typer.Option(help="Your key file.", exists=True, dir_okay=False)],
    passphrase_file: OperatorPassphrase = None,
) -> None:
    """Read what a request asks and add your signature to its file; needs no installation."""
    from consent.cli.operators import approve as run

    run(request, operator, key, passphrase_file)
