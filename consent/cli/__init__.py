"""The command line: `consentry demo | init | import | verify | serve`.

Imports stand inside commands, so that `--help` is instant.
"""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli.errors import told

app = typer.Typer(
    help="Patients hold the say over their health records.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Home = Annotated[Path, typer.Argument(help="The installation's folder.")]
DEMO_HOME = Path("var/demo")


@app.command()
def demo(
    home: Annotated[Path, typer.Option(help="Where the demo is told; an earlier demo there is cleared.")] = DEMO_HOME,
    patients: Annotated[int | None, typer.Option(min=60, help="Only the first so many of the 9,105 patients.")] = None,
) -> None:
    """Tell the whole story once, on real patients."""
    from consent.cli.demo import run

    run(home, patients)


@app.command()
def init(home: Home) -> None:
    """Make a new installation; the passphrase comes from CONSENTRY_PASSPHRASE_FILE."""
    from consent import wiring
    from consent.settings import Settings

    wiring.create(Settings.read(home))
    typer.echo(f"A new installation is in {home}. Keep {home}/operator apart from every backup of the databases.")


@app.command(name="import")
def import_(
    home: Home,
    files: Annotated[
        list[Path], typer.Argument(help="FHIR R4 Bundles as JSON, one patient each.", exists=True, dir_okay=False)
    ],
) -> None:
    """Import patients' FHIR R4 Bundles: all of the named files, or none."""
    from consent.cli.records import run

    run(home, files)


@app.command()
def verify(
    home: Home,
    receipts: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Receipts, one JSON object a line.")
    ] = None,
    evidence: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="Evidence of a release; repeatable.")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A checkpoint kept; repeatable.")
    ] = None,
    trusted: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Your own copy of installation.json.")
    ] = None,
) -> None:
    """Replay chain and log of an installation, without any key; exit 6 when something does not hold."""
    from consent.cli.verify import Held, run

    run(home, Held(receipts, evidence or [], checkpoint or [], trusted).with_what_lies_beside(home))


@app.command()
def serve(
    home: Home,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Open the log of an installation to auditors, on this machine only."""
    from consent.cli.serve import run

    run(home, port)


def main() -> None:
    """Run the command line; errors of ours become one sentence and an exit code."""
    with told():
        app()
