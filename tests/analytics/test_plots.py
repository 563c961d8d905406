"""Figures: self-contained, the same bytes each time, saying no more than is known."""

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from analytics import Evaluation, Parameters, Row, evaluate, plots
from analytics.calibration import Calibration

DRAW: list[Callable[[Evaluation], str]] = [
    plots.roc,
    plots.calibration,
    plots.discrimination,
    lambda evaluation: plots.importance(evaluation, {"signal": "A <signal> & $more$"}),
]


@pytest.fixture(scope="module")
def evaluation(rows: list[Row]) -> Evaluation:
    return evaluate(rows, Parameters(features=("signal", "noise", "sometimes"), rounds=40), comparisons=["Physicians"])


@pytest.mark.parametrize("draw", DRAW)
def test_a_figure_is_one_svg_element_that_needs_nothing_from_outside(
    evaluation: Evaluation, draw: Callable[[Evaluation], str]
) -> None:
    text = draw(evaluation)
    root = ET.fromstring(text)  # noqa: S314  # drawn here
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("aria-label")
    assert not {"script", "style", "image", "foreignObject"} & {element.tag.split("}")[1] for element in root.iter()}
    links = [value for element in root.iter() for name, value in element.items() if name.endswith("href")]
    assert all(link.startswith("#") for link in links)


@pytest.mark.parametrize("draw", DRAW)
def test_the_same_evaluation_gives_the_same_bytes(evaluation: Evaluation, draw: Callable[[Evaluation], str]) -> None:
    assert draw(evaluation) == draw(evaluation)


def test_text_stays_text(evaluation: Evaluation) -> None:
    text = plots.importance(evaluation, {"signal": "A <signal> & $more$"})
    words = "".join(ET.fromstring(text).itertext())  # noqa: S314  # drawn here
    assert "A <signal> & $more$" in words


def test_the_title_says_no_more_than_the_interval_allows(evaluation: Evaluation) -> None:
    pair = evaluation.comparisons[0]
    for low, high, words in (
        (0.01, 0.05, "better than"),
        (-0.05, -0.01, "less well than"),
        (-0.1, 0.1, "about as well"),
    ):
        told = replace(
            evaluation, comparisons=(replace(pair, difference=replace(pair.difference, low=low, high=high)),)
        )
        assert words in plots.roc(told)
        assert words in plots.discrimination(told)


def test_without_a_comparison_the_baseline_stands_beside_the_model(evaluation: Evaluation) -> None:
    alone = replace(evaluation, comparisons=())
    assert "logistic regression" in plots.roc(alone)
    assert "physicians" not in plots.discrimination(alone).lower()


def test_with_too_few_people_for_groups_the_calibration_figure_says_so(evaluation: Evaluation) -> None:
    empty = replace(evaluation, calibration=Calibration(None, None, 0.2, 0.25, ()))
    assert "Too few people" in plots.calibration(empty)


def test_drawing_leaves_the_style_of_others_alone(evaluation: Evaluation) -> None:
    before = dict(mpl.rcParams)
    plots.roc(evaluation)
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
