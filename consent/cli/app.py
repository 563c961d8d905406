"""The command line's root, and the options that many commands share."""

from pathlib import Path
from typing import Annotated, Final

import typer

PARTS: Final = {
    "Begin": ("demo", "init", "deploy"),
    "Run": ("serve", "ledger", "worker", "web", "post"),
    "Records and people": ("import", "attach", "invite", "consents", "stop", "prefer", "request", "access", "reports"),
    "Erasure": ("erase", "erasures", "hold", "holds", "lift", "enrol", "identify"),
    "Keep it well": ("doctor", "backup", "restore", "upgrade", "epoch", "rotate"),
    "Operators": ("operator", "approve"),
    "Predictions": ("predict", "aggregate"),
    "Studies and audit": ("study", "count", "train", "jobs", "cancel", "releases", "model", "verify"),
}
"""Every command, in the order in which `--help` lists them."""


app = typer.Typer(
    help="Patients hold the say over their health records.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Home = Annotated[Path, typer.Argument(help="The installation's folder.")]
Subject = Annotated[str, typer.Option(help="The person's SubjectId.")]
Identifier = Annotated[str, typer.Option(help="The hospital's own identifier of the person, `system|value`.")]


def arrange() -> None:
    """List commands by what they are for, not by the file they stand in; groups come last in their part."""
    parts = {name: part for part, names in PARTS.items() for name in names}
    names = {id(c): c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands}
    app.registered_commands.sort(key=lambda command: list(parts).index(names[id(command)]))
    for command in app.registered_commands:
        command.rich_help_panel = parts[names[id(command)]]
    for group in app.registered_groups:
        group.rich_help_panel = parts[str(group.name)]
