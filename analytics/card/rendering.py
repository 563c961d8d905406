"""A card as a page, as Markdown, and its figures by themselves. Pages hold their figures and fetch nothing."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analytics.card.contents import Card
from analytics.card.tripod import tripod
from analytics.chart import Drawing, png, svg
from analytics.describing import Spread
from analytics.disclosure import SMALLEST, STEP
from analytics.plots import draw_calibration, draw_discrimination, draw_importance, draw_roc
from analytics.release_gate import JUDGED_FROM, MOST_AUROC, MOST_TRUE_POSITIVES
from analytics.use_plots import draw_decision, draw_subgroups

_LINE_ENDS: Final = re.compile(r"\s*\n\s*")
_SIGNS: Final = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def card_html(card: Card) -> str:
    """Return the card as one page for any browser, light and dark, narrow and wide, and for printing."""
    drawn = {name: Markup(svg(drawing)) for name, drawing in _drawings(card)}  # noqa: S704  # our own SVG
    return _environment(escaped=True).get_template("card.html").render(_contents(card), plots=drawn)


def card_markdown(card: Card) -> str:
    """Return the card as Markdown, which refers to the figures by their names."""
    names = [name for name, _ in _drawings(card)]
    return _environment(escaped=False).get_template("card.md").render(_contents(card), plots=names)


def figures(card: Card) -> dict[str, bytes]:
    """Return the figures by file name, each as SVG and as PNG."""
    found = {}
    for name, drawing in _drawings(card):
        found[f"{name}.svg"] = svg(drawing).encode()
        found[f"{name}.png"] = png(drawing)
    return found


def _drawings(card: Card) -> Iterator[tuple[str, Drawing]]:
    """Yield what there is to draw."""
    evaluation = card.evaluation
    yield "discrimination", partial(draw_discrimination, evaluation)
    yield "roc", partial(draw_roc, evaluation)
    yield "calibration", partial(draw_calibration, evaluation)
    if evaluation.decision:
        yield "decision", partial(draw_decision, evaluation)
    if evaluation.subgroups:
        yield "subgroups", partial(draw_subgroups, evaluation)
    yield "importance", partial(draw_importance, evaluation, card.dictionary.titles)


def _contents(card: Card) -> Mapping[str, Any]:
    missing = {use.name: use.missing for use in card.evaluation.features}
    return {
        "card": card,
        "evaluation": card.evaluation,
        "failures": card.gate.failures(),
        "items": tripod(card),
        "missing": missing,
        "titles": card.dictionary.titles,
        "differences": card.margins.differences(card.evaluation, card.dictionary) if card.margins else (),
        "bounds": {"auroc": MOST_AUROC, "found": MOST_TRUE_POSITIVES, "from": JUDGED_FROM},
        "smallest": SMALLEST,
        "step": STEP,
    }


def _environment(*, escaped: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("analytics.card"),
        autoescape=escaped,  # noqa: S701  # Markdown is no HTML; there `plain` takes the signs out
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"spread": _spread, "share": _share, "plain": _plain}
    return environment


def _spread(spread: Spread | None) -> str:
    """Say a mean and its deviation, a share where it is one, or that too few are behind it."""
    if spread is None:
        return _share(None)
    if spread.is_share:
        return _share(spread.mean)
    return f"{spread.mean:g} ± {spread.deviation:g}"


def _share(share: float | None) -> str:
    return "too few to show" if share is None else f"{100 * share:.0f}%"


def _plain(text: object) -> str:
    """Return a text so that Markdown takes none of it for a sign, on one line."""
    return _SIGNS.sub(r"\\\1", _LINE_ENDS.sub(" ", str(text)))
