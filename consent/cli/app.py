"""The command line's root, and the options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Patients hold the say over their health records.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Home = Annotated[Path, typer.Argument(help="The installation's folder.")]
Subject = Annotated[str, typer.Option(help="The person's SubjectId.")]
Identifier = Annotated[str, typer.Option(help="The hospital's own identifier of the person, `system|value`.")]
