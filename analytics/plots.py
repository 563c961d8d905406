"""Figures of an evaluation, each one self-contained `<svg>` element as text: the same evaluation, the same bytes."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from analytics.chart import BLUE, FAINT, GREY, INK, ORANGE, SQUARE, WIDE, Frame, svg
from analytics.discrimination import Interval, RocPoint
from analytics.evaluation import Comparison, Evaluation

SHOWN_FEATURES: Final = 12
MODEL: Final = "Model"

_SHARES: Final = Frame(width=SQUARE, height=6.3, left=0.6, bottom=0.6, top=1.25)
"""Square axes, with room above for the name of the vertical one."""


def roc(evaluation: Evaluation) -> str:
    """Draw the model's ROC curve and another forecast's, both on the people for whom the other was made.

    The other is the first comparison, or the baseline where there is none.
    """
    return svg(lambda: draw_roc(evaluation))


def draw_roc(evaluation: Evaluation) -> tuple[Axes, str]:
    """Draw as `roc` does, for `analytics.chart` to write."""
    pair = (*evaluation.comparisons, evaluation.baseline)[0]
    title = _verdict(pair)
    axes = _SHARES.axes(title, f"The same {pair.people:,} people, nobody forecast by a model that saw them")
    _shares(axes, "False alarms among people without the outcome", "Found among people with the outcome")
    _diagonal(axes, "no better than chance")
    _curve(axes, pair.roc, ORANGE)
    _curve(axes, pair.model_roc, BLUE)
    for height, name, area, colour in ((0.2, MODEL, pair.model, BLUE), (0.07, pair.name, pair.auroc, ORANGE)):
        estimate = f"{name} {area.estimate:.3f}"
        axes.text(0.98, height, estimate, color=colour, ha="right", fontweight="bold", fontsize=13)
        axes.text(0.98, height - 0.045, f"AUROC, {_between(area)}", color=GREY, ha="right")
    return axes, title


def calibration(evaluation: Evaluation) -> str:
    """Draw what came of tenths of predicted risk against what was forecast for them."""
    return svg(lambda: draw_calibration(evaluation))


def draw_calibration(evaluation: Evaluation) -> tuple[Axes, str]:
    """Draw as `calibration` does, for `analytics.chart` to write."""
    groups = evaluation.calibration.groups
    title = _promise([abs(group.predicted - group.observed.estimate) for group in groups])
    axes = _SHARES.axes(title, "On average over tenths of people by forecast risk; 95% intervals")
    _shares(axes, "Forecast risk", "What happened")
    _diagonal(axes, "as forecast")
    for group in groups:
        _whisker(axes, (group.predicted, group.predicted), (group.observed.low, group.observed.high), BLUE)
        _dot(axes, group.predicted, group.observed.estimate, BLUE)
    return axes, title


def importance(evaluation: Evaluation, titles: Mapping[str, str]) -> str:
    """Draw what the forecasts rest on; `titles` gives each feature's name in plain words."""
    return svg(lambda: draw_importance(evaluation, titles))


def draw_importance(evaluation: Evaluation, titles: Mapping[str, str]) -> tuple[Axes, str]:
    """Draw as `importance` does, for `analytics.chart` to write."""
    uses = evaluation.features[:SHOWN_FEATURES][::-1]
    title = f"Forecasts rest most on: {titles.get(uses[-1].name, uses[-1].name)}"
    frame = Frame(width=WIDE, height=1.15 + 0.31 * len(uses), left=2.5, bottom=0.2, right=0.7)
    axes = frame.axes(title, f"Mean size of a feature's part in a forecast, in log-odds; {_of(uses, evaluation)}")
    axes.barh(range(len(uses)), [use.contribution for use in uses], color=BLUE, height=0.62)
    for place, use in enumerate(uses):
        _value(axes, use.contribution, place, f"{use.contribution:.2f}")
    axes.set_yticks(range(len(uses)), [titles.get(use.name, use.name) for use in uses], color=INK)
    axes.set(xticks=[], ylim=(-0.5, len(uses) - 0.5))
    axes.tick_params(axis="y", length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    return axes, title


def discrimination(evaluation: Evaluation) -> str:
    """Draw AUROC with intervals: the model beside each other forecast, each pair on the same people."""
    return svg(lambda: draw_discrimination(evaluation))


def draw_discrimination(evaluation: Evaluation) -> tuple[Axes, str]:
    """Draw as `discrimination` does, for `analytics.chart` to write."""
    pairs = (*evaluation.comparisons, evaluation.baseline)
    title = _verdict(pairs[0])
    frame = Frame(width=WIDE, height=1.45 + 1.15 * len(pairs), left=1.75, bottom=0.5, right=1.9)
    axes = frame.axes(title, "AUROC with 95% intervals; 0.5 is chance, 1 is perfect")
    for place, pair in enumerate(pairs):
        _pair(axes, 3 * place, pair, GREY if pair is evaluation.baseline else ORANGE)
    axes.set(ylim=(3 * len(pairs) - 0.6, -0.4), yticks=[])
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.spines["left"].set_visible(False)
    return axes, title


def _pair(axes: Axes, top: float, pair: Comparison, colour: str) -> None:
    """Draw the model and another forecast under the number of people and the difference."""
    edge = axes.get_yaxis_transform()
    change = pair.difference
    axes.text(-0.42, top, f"{pair.people:,} people", transform=edge, fontweight="bold", va="center")
    difference = f"difference {change.estimate:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
    axes.text(0, top, difference.replace("-", "\N{MINUS SIGN}"), transform=edge, color=GREY, va="center")
    lines = ((top + 0.8, MODEL, pair.model, BLUE), (top + 1.6, pair.name, pair.auroc, colour))
    for height, name, area, shade in lines:
        axes.text(-0.42, height, name, transform=edge, va="center")
        _whisker(axes, (area.low, area.high), (height, height), shade)
        _dot(axes, area.estimate, height, shade)
        axes.text(1.04, height, f"{area.estimate:.3f}", transform=edge, color=shade, va="center", fontweight="bold")
        axes.text(1.18, height, _between(area), transform=edge, color=GREY, va="center")


def _verdict(pair: Comparison) -> str:
    """Say who ranks people better, as far as the paired interval tells."""
    name = pair.name[:1].lower() + pair.name[1:]
    if pair.difference.low > 0:
        return f"The model ranks risk better than {name}"
    if pair.difference.high < 0:
        return f"The model ranks risk less well than {name}"
    return f"The model ranks risk about as well as {name}"


def _promise(gaps: Sequence[float]) -> str:
    """Say how far forecasts are from what happened, in percentage points."""
    if not gaps:
        return "Too few people to show what came of the forecasts"
    points = max(1, math.ceil(100 * sum(gaps) / len(gaps)))
    return f"Forecasts come true to within {points} percentage point{'s' if points > 1 else ''}"


def _of(shown: Sequence[object], evaluation: Evaluation) -> str:
    return f"the {len(shown)} largest of {len(evaluation.features)}"


def _between(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"


def _curve(axes: Axes, points: Sequence[RocPoint], colour: str) -> None:
    """Draw a curve from corner to corner through the points that may be shown."""
    across = [1.0, *(point.false_positive_rate for point in points), 0.0]
    up = [1.0, *(point.sensitivity for point in points), 0.0]
    axes.plot(across, up, color=colour, linewidth=2.2, solid_joinstyle="round", clip_on=False)


def _shares(axes: Axes, across: str, up: str) -> None:
    """Give both axes the range from 0 to 100 %, and names that read from left to right."""
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=across)
    axes.text(-0.085, 1.045, up, color=GREY)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))


def _diagonal(axes: Axes, text: str) -> None:
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, zorder=1)
    axes.text(0.97, 0.945, text, color=GREY, rotation=45, ha="right", va="top", rotation_mode="anchor")


def _whisker(axes: Axes, across: tuple[float, float], up: tuple[float, float], colour: str) -> None:
    axes.plot(across, up, color=colour, linewidth=2, alpha=0.45, solid_capstyle="round")


def _dot(axes: Axes, across: float, up: float, colour: str) -> None:
    axes.plot([across], [up], "o", color=colour, markersize=8, markeredgecolor="white", markeredgewidth=0.8)


def _value(axes: Axes, across: float, up: float, text: str) -> None:
    """Write a value beside the end of its bar."""
    axes.annotate(text, (across, up), (5, 0), textcoords="offset points", va="center_baseline", color=GREY)
