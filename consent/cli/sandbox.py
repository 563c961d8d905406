"""`consentry sandbox`: make an installation with invented people, then say how to use it."""

import sys
from pathlib import Path

from consent.demo.sandbox import CLINICIAN, RESEARCHER, SOMEBODY, STUDY, make


def run(home: Path, people: int, port: int) -> None:
    """Make it and say what to do next."""
    made = make(home, people, port)
    lines = (
        f"{made.people:,} invented people are in {home}; {made.granted:,} of them allow the study `{STUDY}`.",
        "",
        f"  consentry serve {home}{'' if port == 8000 else f' --port {port}'}",  # noqa: PLR2004  # the default
        f"  consentry login --key {home}/{RESEARCHER}.json --study {STUDY}",
        "  consentry cohort preview examples/sandbox/cohort.json",
        "",
        f"{home}/{CLINICIAN}.json is the key of a clinician: with a model there, who signs in with it may ask",
        "",
        f"  consentry predict --identifier '{SOMEBODY}'",
    )
    sys.stdout.write("\n".join((*lines, "")))
