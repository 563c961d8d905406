"""The command line's root, and the options that many commands share."""

from pathlib import Path
from typing import Annotated, Final

import typer
from typer.core import TyperGroup
from typer.models import CommandInfo

PARTS: Final = {
    "Researchers": ("login", "study", "cohort", "request", "train", "model", "predict"),
    "Begin": ("demo", "sandbox", "init", "deploy"),
    "Run": ("serve", "ledger", "worker", "web", "api", "post"),
    "Records and people": ("import", "attach", "invite", "consents", "stop", "prefer", "access", "reports"),
    "Erasure": ("erase", "erasures", "hold", "holds", "lift", "enrol", "identify"),
    "Keep it well": ("doctor", "backup", "restore", "upgrade", "epoch", "rotate"),
    "Operators": ("operator", "approve"),
    "The researchers' door": ("client-key", "client", "staff"),
    "Studies and jobs": ("local", "jobs", "cancel"),
    "Evidence": ("verify", "bundle", "chain-view", "anchor", "certify", "witness"),
}
"""Every command, in the order in which `--help` lists them."""
LOCAL: Final = ("study", "count", "train", "releases", "model", "predict", "aggregate", "request")
"""What `local` does in an installation's folder, in the order of its help; researchers' verbs ask a server."""


class Listed(TyperGroup):
    """A group that lists its commands and groups in the order written down here, whichever file they stand in."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002  # typer's own signature
        """Return the names in the order of the help."""
        order = LOCAL if self.name == "local" else [name for names in PARTS.values() for name in names]
        return sorted(self.commands, key=order.index)


app = typer.Typer(
    cls=Listed,
    help="Patients hold the say over their health records.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
local_app = typer.Typer(
    cls=Listed, help="Studies, models and requests, in an installation's folder.", no_args_is_help=True
)
app.add_typer(local_app, name="local")
Home = Annotated[Path, typer.Argument(help="The installation's folder.")]
Subject = Annotated[str, typer.Option(help="The person's SubjectId.")]
Identifier = Annotated[str, typer.Option(help="The hospital's own identifier of the person, `system|value`.")]


def arrange() -> None:
    """Give each command the part of the help that it stands in."""
    parts = {name: part for part, names in PARTS.items() for name in names}
    for command in app.registered_commands:
        command.rich_help_panel = parts[name_of(command)]
    for group in app.registered_groups:
        group.rich_help_panel = parts[str(group.name)]


def name_of(command: CommandInfo) -> str:
    """Return the word by which a command is called."""
    return command.name or str(getattr(command.callback, "__name__", ""))
