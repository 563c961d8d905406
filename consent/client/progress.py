"""A bar while one waits, on standard error and only where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from consent.client.errors import as_line

Show = Callable[[str, int, int], None]
"""`show(step, done, total)`: what is told while one waits; both numbers are 0 where nobody counts."""


def nothing(_step: str, _done: int, _total: int) -> None:
    """Show nothing."""


@contextmanager
def bar(title: str) -> Iterator[Show]:
    """Yield what moves a bar; it shows nothing where standard error is no terminal, and nothing that one would obey."""
    if not sys.stderr.isatty():
        yield nothing
        return
    from rich.console import Console  # noqa: PLC0415  # a program without a terminal never loads it
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    named = escape(as_line(title))

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(named, total=None)

        def show(step: str, done: int, total: int) -> None:
            told = f"{named}: {escape(as_line(step))}" if step else named
            progress.update(task, description=told, completed=done, total=total or None)

        yield show
