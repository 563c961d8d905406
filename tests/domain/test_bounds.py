"""A study's bounds: what breaks them is said with the figure, and studies without any stay what they were."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.domain.bounds import Bounds, InvalidBoundsError
from consent.domain.hashing import Json
from consent.domain.study import InvalidStudyError, Study
from tests.services.house import STUDY

BOUNDS = Bounds(0.7, 0.8, 1.2)
BOUNDED = replace(STUDY, bounds=BOUNDS)


@pytest.mark.parametrize(
    ("auroc", "slope", "broken"),
    [
        (0.7, 0.8, []),
        (0.9, 1.2, []),
        (0.69, 1.0, ["AUROC is 0.690"]),
        (0.8, 0.79, ["slope of calibration is 0.790"]),
        (0.8, 1.21, ["slope of calibration is 1.210"]),
        (0.6, 2.0, ["AUROC is 0.600", "slope of calibration is 2.000"]),
        (0.9, None, ["slope of calibration is not defined"]),
        (math.nan, math.nan, ["AUROC is nan", "slope of calibration is nan"]),
    ],
)
def test_each_bound_that_is_broken_gives_a_sentence_with_the_figure(
    auroc: float, slope: float | None, broken: list[str]
) -> None:
    told = BOUNDS.failures(auroc, slope)
    assert len(told) == len(broken)
    assert all(figure in sentence for figure, sentence in zip(broken, told, strict=True))


@pytest.mark.parametrize("wrong", [(-0.1, 0.8, 1.2), (1.1, 0.8, 1.2), (0.7, 1.1, 1.2), (0.7, 0.8, 0.9), (0.7, -1, 1.2)])
def test_bounds_that_make_no_sense_are_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidBoundsError):
        Bounds(*wrong)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_numbers_without_end_are_refused(number: float) -> None:
    for name in ("least_auroc", "slope_low", "slope_high"):
        with pytest.raises(InvalidBoundsError):
            replace(BOUNDS, **{name: number})


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 100))
def test_a_study_with_bounds_comes_back_from_json(least: float, low: float, high: float) -> None:
    study = replace(STUDY, bounds=Bounds(least, low, high))
    assert Study.from_json(json.loads(json.dumps(study.to_json()))) == study
    assert study.hash() != STUDY.hash()


def test_a_study_without_bounds_has_the_hash_that_it_had_before_there_were_any() -> None:
    assert "bounds" not in STUDY.to_json()
    assert STUDY.hash() == "19fe2a5747ccb543bcec80fb880cf75a6af9f9935b5454ecf780374b139eb27f"


WHOLE = BOUNDS.to_json()


@pytest.mark.parametrize(
    "bounds",
    [
        None,
        {},
        [],
        7,
        {"least_auroc": 0.7},
        WHOLE | {"slope_low": True},
        WHOLE | {"more": 1},
        WHOLE | {"least_auroc": "0.7"},
        WHOLE | {"slope_high": None},
    ],
)
def test_anything_else_under_bounds_is_no_study(bounds: Json) -> None:
    with pytest.raises(InvalidStudyError):
        Study.from_json(STUDY.to_json() | {"bounds": bounds})
