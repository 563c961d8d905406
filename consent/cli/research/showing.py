"""Answers on standard output: for people in a hundred columns at most, or as JSON; what is going on, on standard error.

What a server sends is shown without anything that a terminal would obey.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

WIDTH: Final = 100
_GAP: Final = "   "
_NARROWEST: Final = 20
_END_OF_TIME: Final = 253_402_300_800
"""The first second of the year 10000."""


def as_json(value: "DataclassInstance | dict[str, Any]") -> None:
    """Print an answer as JSON."""
    told = value if isinstance(value, dict) else asdict(value)
    sys.stdout.write(json.dumps(told, indent=2) + "\n")


def as_json_list(values: "Iterable[DataclassInstance]", **more: object) -> None:
    """Print a list as the server's pages have it, all on one."""
    as_json({"items": [asdict(one) for one in values], "next": None, **more})


def facts(*pairs: tuple[str, object]) -> None:
    """Print a fact a line, labels first; one that is None or empty is left out. No word is broken: it may be copied."""
    told = [(label, str(clean(value))) for label, value in pairs if value not in {None, ""}]
    indent = max((len(label) for label, _ in told), default=0) + len(_GAP)
    out = _out()
    width = max(out.width - indent, _NARROWEST)
    for label, value in told:
        first, *more = wrap(value, width, break_long_words=False, break_on_hyphens=False) or [""]
        out.print(Text.assemble((label.ljust(indent), "bold"), first), soft_wrap=True, highlight=False)
        for text in more:
            out.print(Text(" " * indent + text), soft_wrap=True, highlight=False)


def table(columns: Sequence[str | Column], rows: Iterable[Sequence[object]], nothing: str) -> None:
    """Print rows under their columns; say `nothing` where there are none."""
    shown = Table(*columns, box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style="bold")
    for row in rows:
        shown.add_row(*(clean(cell) for cell in row))
    _print(shown if shown.row_count else Text(nothing))


def line(text: str = "") -> None:
    """Print a sentence."""
    _print(clean(text))


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show that something is going on, where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    with Console(stderr=True).status(clean(what)):
        yield


def clean(value: object) -> Text:
    """Return text in which whatever is not printable, but for line ends, has become a replacement character."""
    return Text("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in str(value)))


def people(count: int | None) -> str:
    """Say about how many people."""
    return "too few to tell" if count is None else f"about {count:,}"


def moment(seconds: int | None) -> str:
    """Return a Unix second as people read it, in UTC; nothing for one that is in no calendar."""
    if seconds is None or not 0 <= seconds < _END_OF_TIME:
        return ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}Z"


def _print(shown: Table | Text) -> None:
    """Print without spaces at the ends of lines."""
    out = _out()
    with out.capture() as printed:
        out.print(shown, highlight=False)
    for text in printed.get().splitlines():
        sys.stdout.write(f"{text.rstrip()}\n")


def _out() -> Console:
    """Return standard output: no wider than a terminal is, nor than a hundred columns."""
    console = Console()
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    return console
