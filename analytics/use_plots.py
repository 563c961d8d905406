"""Figures of what a model is good for: net benefit of acting on it, and how well it does among parts of the people."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from analytics.chart import BLUE, GREY, INK, ORANGE, WIDE, Frame
from analytics.evaluation import Evaluation


def draw_decision(evaluation: Evaluation) -> tuple[Axes, str]:
    """Draw the decision curve, as far as acting on everybody or by the model does any good."""
    points = evaluation.decision
    better = [point.threshold for point in points if point.model > max(point.everybody, 0.0)]
    title = "Acting on the forecasts does no more good than acting on all or on none"
    if better:
        title = f"Forecasts help where one acts at a risk between {_percent(better[0])} and {_percent(better[-1])}"
    axes = Frame(width=WIDE, height=4.2, left=0.75, bottom=0.6, top=1.0).axes(
        title, "Net benefit: people found per 100, less false alarms at the rate that the risk weighs them"
    )
    risks = [point.threshold for point in points]
    model, everybody = ([100 * getattr(point, name) for point in points] for name in ("model", "everybody"))
    axes.plot(risks, everybody, color=ORANGE, linewidth=1.8)
    axes.plot(risks, model, color=BLUE, linewidth=2.4)
    axes.axhline(0, color=GREY, linewidth=1)
    top = max([*model, *everybody, 1.0])
    axes.set(xlim=(0, 1), ylim=(-0.15 * top, 1.08 * top), xlabel="Forecast risk from which one acts")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    for height, text, colour in (
        (0.92, "by the model", BLUE),
        (0.85, "on everybody", ORANGE),
        (0.78, "on nobody", GREY),
    ):
        axes.text(0.98, height, text, color=colour, transform=axes.transAxes, ha="right", fontweight="bold")
    return axes, title


def draw_subgroups(evaluation: Evaluation) -> tuple[Axes, str]:
    """Draw AUROC with its interval in each declared group that may be shown, beside everybody's."""
    groups = evaluation.subgroups
    lines = [
        ("Everybody", evaluation.people, evaluation.auroc),
        *((one.title, one.people, one.auroc) for one in groups),
    ]
    title = "How well it ranks risk in parts of the people"
    frame = Frame(width=WIDE, height=1.6 + 0.34 * len(lines), left=2.6, bottom=0.5, right=1.4)
    axes = frame.axes(title, "AUROC with 95% intervals; the line is everybody's")
    axes.axvline(evaluation.auroc.estimate, color=GREY, linewidth=1, linestyle=":")
    for place, (_, _, area) in enumerate(lines):
        colour = INK if place == 0 else BLUE
        axes.plot((area.low, area.high), (place, place), color=colour, linewidth=2, alpha=0.45)
        axes.plot([area.estimate], [place], "o", color=colour, markersize=7, markeredgecolor="white")
        axes.text(1.03, place, f"{area.estimate:.3f}", transform=axes.get_yaxis_transform(), va="center", color=colour)
    axes.set_yticks(range(len(lines)), [f"{name}, {people:,}" for name, people, _ in lines], color=INK)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.spines["left"].set_visible(False)
    return axes, title


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"
