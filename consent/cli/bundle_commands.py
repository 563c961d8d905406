"""The command that makes evidence for an auditor."""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli.app import Home, app

Since = Annotated[
    list[int] | None,
    typer.Option(min=1, help="Size of a checkpoint that the auditor kept, to be shown that the log continues it."),
]


@app.command()
def bundle(  # noqa: PLR0913, PLR0917  # an option each
    home: Home,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="A new file, such as bundle.zip; mode 0600.")],
    patient: Annotated[str, typer.Option(help="All that names this SubjectId.")] = "",
    study: Annotated[str, typer.Option(help="All of the study with this id.")] = "",
    model: Annotated[str, typer.Option(help="The model with this SHA-256, in hex.")] = "",
    period: Annotated[
        tuple[str, str] | None, typer.Option(metavar="FROM UNTIL", help="From one day to before another, in UTC.")
    ] = None,
    everything: Annotated[bool, typer.Option("--everything", help="The whole log.")] = False,
    since: Since = None,
    newest: Annotated[
        bool, typer.Option("--newest", help="Up to now, rather than to what witnesses certified last.")
    ] = False,
    at: Annotated[int | None, typer.Option(min=1, help="Up to the checkpoint of this size.")] = None,
) -> None:
    """Write evidence for an auditor: entries, consents and proofs that `consentry verify` checks without a network."""
    from consent.cli.bundles import Asked, run

    run(home, file, Asked(patient, study, model, period, everything, tuple(since or ()), newest, at))
