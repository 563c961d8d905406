"""`consentry demo`: tell the story, then say where things are."""

import json
from pathlib import Path

from rich.console import Console

from consent import wiring
from consent.demo.auditor import BUNDLE, POLICY
from consent.demo.report import write_report
from consent.demo.story import Story, tell

MANY = 2000


def run(home: Path, patients: int | None) -> None:
    """Tell the story and write `summary.json` and `report.html`."""
    console = Console()
    console.print("\n[bold]Consentry[/bold]: one story, end to end, on the records of real patients (SUPPORT2)\n")
    story = tell(home, console, patients)
    write_out(story)
    _close(console, story)


def write_out(story: Story) -> None:
    """Write the story's figures and its page."""
    wiring.write_private(story.home / "summary.json", json.dumps(story.summary, indent=2).encode() + b"\n")
    write_report(story, story.home / "report.html")


def _close(console: Console, story: Story) -> None:
    summary = story.summary
    console.print(
        f"\nOn the same people, out of fold: AUROC {summary['auroc_model']:.3f} for the model, "
        f"{summary['auroc_physicians']:.3f} for the physicians' own estimates.",
        highlight=False,
    )
    if len(story.cast.agreed) < MANY:
        console.print("So few rows say little of a model: tell the story without --patients to see what it can do.")
    console.print(f"\n  {story.home}/report.html    the story with its plots; open it in a browser", highlight=False)
    console.print(f"  {story.home}/summary.json   its figures", highlight=False)
    console.print(f"  consentry verify {story.home}   replays chain, log, receipts and releases", highlight=False)
    bundle, policy = (f"{story.home}/auditor/{name}" for name in (BUNDLE, POLICY))
    offline = f"  consentry verify {bundle} --policy {policy}   checks what an auditor took home, offline\n"
    console.print(offline, highlight=False, soft_wrap=True)
