"""How the demo speaks: one line a step, a bar while it works, the figures at the end of the line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@dataclass(slots=True)
class Told:
    """One step as told: what happened, what was seen, how long it took in seconds."""

    title: str
    seen: str
    seconds: float


@dataclass(slots=True)
class Telling:
    """A step while it goes on; `say` sets what was seen, `advance` moves the bar."""

    progress: Progress
    task: int
    seen: str = ""

    def say(self, seen: str) -> None:
        """Set what stands at the end of the step's line."""
        self.seen = seen

    def advance(self, by: int = 1) -> None:
        """Move the bar."""
        self.progress.advance(self.task, by)  # type: ignore[arg-type]  # rich's TaskID is an int


@dataclass(slots=True)
class Narrator:
    """Tells the steps on a terminal and keeps them for the report."""

    console: Console
    told: list[Told] = field(default_factory=list)

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Telling]:
        """Tell one step; a bar of `total` while it works, one line when it is done."""
        started = time.monotonic()
        columns = (
            TextColumn("    {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            telling = Telling(progress, progress.add_task(title, total=total))
            yield telling
        told = Told(title, telling.seen, time.monotonic() - started)
        self.told.append(told)
        line = f"[dim]{len(self.told):>2}[/dim]  [bold]{title}[/bold]  [dim]{told.seconds:.1f} s[/dim]"
        self.console.print(line, highlight=False)
        self.console.print(Padding(telling.seen, (0, 0, 0, 4), expand=False), highlight=False)
