"""The story as one self-contained page, for someone who would rather look than read."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from analytics import plots
from consent import wiring
from consent.demo.story import Story
from consent.services.studies.flow import IN_WORDS

GAS_OF_OTHERS = (("MedRec", 122_922), ("Dwarna", 160_598), ("Vana", 187_502), ("EAS 1.4", 187_816))
"""Gas for one grant by other systems' own contracts, measured on one node; EAS in a batch of 100."""


def write_report(story: Story, path: Path) -> None:
    """Write the page to `path`; it holds its plots and styles and fetches nothing."""
    environment = Environment(loader=PackageLoader("consent.demo"), autoescape=select_autoescape())
    wiring.write_private(path, environment.get_template("report.html").render(_figures(story)).encode())


def _figures(story: Story) -> dict[str, Any]:
    first, second = story.first, story.second
    if first is None or second is None:
        raise ValueError("a report tells a finished story")
    evaluation = first.evaluation
    gas = [("Consentry", int(str(story.summary["gas_per_grant"]))), *GAS_OF_OTHERS]
    drawn = {
        "discrimination": plots.discrimination(evaluation),
        "calibration": plots.calibration(evaluation),
        "roc": plots.roc(evaluation),
        "importance": plots.importance(evaluation, story.dictionary.titles),
    }
    return {
        "summary": story.summary,
        "told": story.narrator.told,
        "refused": sorted(first.refused.items(), key=lambda item: -item[1]),
        "manifest": first.manifest.to_json(),
        "sentences": story.sentences,
        "reasons": IN_WORDS,
        "gas": gas,
        "gas_most": max(each for _, each in gas),
        "home": story.home,
        "today": f"{story.told_on:%-d %B %Y}",
        "evaluation": evaluation,
        "plots": {name: Markup(svg) for name, svg in drawn.items()},  # noqa: S704  # our own SVG, not anyone's input
    }
