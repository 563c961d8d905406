"""The house style of our figures: one palette, direct labels, a sentence for a title, nothing that carries no meaning.

Figures are SVG with live text in the reader's own sans-serif, so that they can be searched, read aloud and copied.
Colours are blue and orange, told apart also by readers who see no red or no green, on white.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE: Final = "#1b5e9e"
ORANGE: Final = "#c75000"
INK: Final = "#1d2733"
GREY: Final = "#66707d"
FAINT: Final = "#d8dde3"

WIDE: Final = 7.2
SQUARE: Final = 5.6
"""Widths in inches; an SVG inch has 72 points and scales with its page."""

Drawing = Callable[[], tuple[Axes, str]]
"""Draws in the house style when asked; returns the axes and the sentence that says what they show."""
_PNG_DPI: Final = 200
_FONTS: Final = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


def styled() -> Any:  # noqa: ANN401  # matplotlib types this context as a private class
    """Return a context in which figures are drawn and written in the house style."""
    return mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "consentry",
            "font.family": "DejaVu Sans",
            "font.size": 10.5,
            "text.color": INK,
            "text.parse_math": False,
            "axes.edgecolor": GREY,
            "axes.labelcolor": GREY,
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "xtick.color": GREY,
            "ytick.color": GREY,
            "xtick.major.size": 3,
            "ytick.major.size": 3,
        }
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """A figure's width and height, and the margins of its axes, in inches; titles stand in the upper margin."""

    width: float
    height: float
    left: float
    bottom: float
    top: float = 0.95
    right: float = 0.35

    def axes(self, title: str, subtitle: str) -> Axes:
        """Return the axes of a new figure under one sentence that says what it shows, and who or what is drawn."""
        figure = Figure(figsize=(self.width, self.height), facecolor="white")
        across, up = self.width - self.left - self.right, self.height - self.bottom - self.top
        box = (self.left / self.width, self.bottom / self.height, across / self.width, up / self.height)
        figure.text(0.2 / self.width, 1 - 0.34 / self.height, title, fontsize=13.5, fontweight="bold")
        figure.text(0.2 / self.width, 1 - 0.6 / self.height, subtitle, color=GREY)
        return figure.add_axes(box)


def svg(drawn: Drawing) -> str:
    """Return a drawing as one `<svg>` element, the same bytes each time, its title being read aloud for it."""
    with styled():
        axes, title = drawn()
        return to_svg(axes, title)


def png(drawn: Drawing) -> bytes:
    """Return a drawing as PNG, for where no SVG is taken."""
    with styled():
        axes, _ = drawn()
        written = io.BytesIO()
        _figure(axes).savefig(written, format="png", dpi=_PNG_DPI, metadata={"Software": None})
        return written.getvalue()


def to_svg(axes: Axes, title: str) -> str:
    """Return the figure of `axes` as one `<svg>` element, the same bytes each time, `title` being read aloud for it."""
    written = io.StringIO()
    _figure(axes).savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = written.getvalue()
    text = text[text.index("<svg") :].replace("'DejaVu Sans'", _FONTS)
    text = re.sub(r"<style.*?</style>", "", text)  # inside a page it would style the whole page
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes are in no figure")
    return figure
