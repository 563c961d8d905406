"""Which releases are suspended at once, and what is said of them."""

from dataclasses import dataclass, replace

import pytest

from analytics import Evaluation, Parameters, evaluate
from consent.domain.bounds import Bounds
from consent.services.studies.suspending import reasons_to_suspend
from tests.analytics.invented import invented_rows
from tests.services.house import STUDY

FAIR = Bounds(least_auroc=0.6, slope_low=0, slope_high=10)
STRICT = Bounds(least_auroc=0.999, slope_low=0.999, slope_high=1)


@dataclass(frozen=True)
class Found:
    """What a release gate found."""

    sentences: tuple[str, ...] = ()

    def failures(self) -> tuple[str, ...]:
        """Return them."""
        return self.sentences


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate(invented_rows(300), Parameters(features=("a", "b", "c"), rounds=20, depth=2))


@pytest.mark.parametrize("bounds", [None, FAIR])
def test_a_model_that_keeps_every_bound_is_not_suspended(evaluation: Evaluation, bounds: Bounds | None) -> None:
    assert reasons_to_suspend(replace(STUDY, bounds=bounds), evaluation, Found()) == ()


@pytest.mark.parametrize("bounds", [None, FAIR])
def test_what_the_release_gate_found_suspends_whatever_the_study_asks(
    evaluation: Evaluation, bounds: Bounds | None
) -> None:
    found = Found(("a leaf of the model holds 3 people",))
    assert reasons_to_suspend(replace(STUDY, bounds=bounds), evaluation, found) == found.sentences


def test_each_bound_that_is_broken_is_named_after_what_the_gate_found(evaluation: Evaluation) -> None:
    leaf, auroc, slope = reasons_to_suspend(replace(STUDY, bounds=STRICT), evaluation, Found(("a leaf",)))
    assert (leaf, auroc[:9], slope[:9]) == ("a leaf", "the AUROC", "the slope")


def test_a_slope_that_cannot_be_computed_breaks_its_bound(evaluation: Evaluation) -> None:
    undefined = replace(evaluation, calibration=replace(evaluation.calibration, slope=None))
    [slope] = reasons_to_suspend(replace(STUDY, bounds=FAIR), undefined, Found())
    assert slope.startswith("the slope of calibration is not defined")
