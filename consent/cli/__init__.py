"""The command line: `consentry --help` lists the commands.

Imports stand inside commands, so that `--help` is instant.
"""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli import (
    bundle_commands,
    desk_commands,
    model_commands,
    people_commands,
    research_commands,
    serving_commands,
    study_commands,
    upkeep_commands,
    witness_commands,
)
from consent.cli.app import Home, app, arrange
from consent.cli.errors import told

__all__ = [
    "app",
    "bundle_commands",
    "desk_commands",
    "main",
    "model_commands",
    "people_commands",
    "research_commands",
    "serving_commands",
    "study_commands",
    "upkeep_commands",
    "witness_commands",
]

Port = Annotated[int, typer.Option(min=1, max=65535)]
DEMO_HOME, SANDBOX_HOME = Path("var/demo"), Path("var/sandbox")


@app.command()
def demo(
    home: Annotated[Path, typer.Option(help="Where the demo is told; an earlier demo there is cleared.")] = DEMO_HOME,
    patients: Annotated[int | None, typer.Option(min=60, help="Only the first so many of the 9,105 patients.")] = None,
) -> None:
    """Tell the whole story once, on real patients."""
    from consent.cli.demo import run

    run(home, patients)


@app.command()
def sandbox(
    home: Annotated[Path, typer.Argument(help="Where it is made; an earlier one there is cleared.")] = SANDBOX_HOME,
    people: Annotated[int, typer.Option(min=60, max=100_000, help="How many people are invented.")] = 1000,
    port: Annotated[int, typer.Option(min=1, max=65534, help="Where it will be served; the API on the next.")] = 8000,
) -> None:
    """Make an installation of invented people, with a study and keys to ask about them."""
    from consent.cli.sandbox import run

    run(home, people, port)


@app.command()
def init(home: Home) -> None:
    """Make a new installation; the passphrase comes from CONSENTRY_PASSPHRASE_FILE."""
    from consent import wiring
    from consent.settings import Settings

    wiring.create(Settings.read(home))
    typer.echo(f"A new installation is in {home}. Keep {home}/operator apart from every backup of the databases.")


@app.command()
def verify(
    home: Annotated[Path, typer.Argument(metavar="PATH", help="An installation's folder, or a bundle: a .zip file.")],
    receipts: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Receipts, one JSON object a line.")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A checkpoint kept; repeatable.")
    ] = None,
    trusted: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Your own copy of installation.json.")
    ] = None,
    rpc: Annotated[str, typer.Option(envvar="CONSENTRY_RPC", help="URL of a node of your own.")] = "",
    policy: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Of a bundle: your own policy, auditor.toml.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Of a bundle: write JSON instead of text.")] = False,
) -> None:
    """Check an evidence bundle, or replay chain and log of an installation; exit 6 when something does not hold."""
    from consent.cli.verify import Held, of_bundle, run

    if home.suffix == ".zip" or home.is_file():
        if policy is None or checkpoint or trusted:
            raise typer.BadParameter("a bundle is checked with --policy, and --receipts where you have some")
        of_bundle(home, policy, receipts, as_json=as_json)
    if policy is not None or as_json:
        raise typer.BadParameter("--policy and --json are for bundles: name a .zip file")
    run(home, Held(receipts, checkpoint or [], trusted).with_what_lies_beside(home), rpc)


@app.command()
def serve(home: Home, port: Port = 8000) -> None:
    """Run an installation: its ledger, its worker, its web and its post, on this machine only."""
    from consent.cli.serve import run

    run(home, port)


@app.command()
def web(home: Home, port: Port = 8000) -> None:
    """Answer over HTTP: the auditors' door and the deployment's health. One of the processes of `serve`."""
    from consent.cli.serve import web as run

    run(home, port)


@app.command()
def api(home: Home, port: Port = 8000) -> None:
    """Answer researchers and the staff, on the port behind the web's. One of the processes of `serve`."""
    from consent.cli.serve import api as run

    run(home, port)


@app.command()
def post(home: Home, port: Port = 8000) -> None:
    """Tell people by mail what happened to their records. One of the processes of `serve`; a second does no harm."""
    from consent.cli.posting import run

    run(home, port)


@app.command()
def ledger(
    home: Home,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Take the chain as it is, though a block went that was final.")
    ] = False,
) -> None:
    """Relay to the chain and follow it. One of the processes of `serve`; one at a time."""
    from consent.cli.ledger import run

    run(home, rebuild=rebuild)


@app.command()
def worker(home: Home) -> None:
    """Do the jobs that wait, such as trainings. One of the processes of `serve`; any number at a time."""
    from consent.cli.jobs import work

    work(home)


@app.command()
def jobs(home: Home) -> None:
    """List jobs: what waits, what runs and what came of the others."""
    from consent.cli.jobs import show

    show(home)


@app.command()
def cancel(home: Home, job: Annotated[str, typer.Argument(help="The job's id.")]) -> None:
    """Cancel a job: at once while it waits, at its next step while it runs."""
    from consent.cli.jobs import cancel as run

    run(home, job)


@app.command()
def deploy(
    home: Home,
    rpc: Annotated[str, typer.Option(envvar="CONSENTRY_RPC", help="URL of a node of the chain; may hold a secret.")],
) -> None:
    """Put the contracts on a node's chain, for the installation that `init` then makes in the same folder."""
    from consent.cli.ledger import deploy_contracts

    deploy_contracts(home, rpc)


@app.command()
def rotate(
    home: Home,
    role: Annotated[str, typer.Argument(help="operator, relayer, custodian or anchor.")],
) -> None:
    """Give one of the chain's roles to a new key; stop the ledger's process first."""
    from consent.cli.rotate import run
    from consent.ports import Role

    if role not in set(Role):
        raise typer.BadParameter("a role is operator, relayer, custodian or anchor")
    run(home, Role(role))


arrange()


def main() -> None:
    """Run the command line; errors of ours become one sentence and an exit code."""
    with told():
        app()
