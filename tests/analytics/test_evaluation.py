"""Evaluations: out of fold, on the same people, against slow references, and pointing at nobody."""

import json
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from analytics import Evaluation, Parameters, Row, RowsError, evaluate, fit, row_hash
from analytics.calibration import calibrate
from analytics.disclosure import shown, shown_share
from analytics.discrimination import auprc, auroc, auroc_difference, roc_points
from analytics.folding import fold_of
from tests.analytics.invented import invented_rows

PARAMETERS = Parameters(features=("signal", "noise", "sometimes"), rounds=40)


@pytest.fixture(scope="module")
def evaluation(rows: list[Row]) -> Evaluation:
    return evaluate(rows, PARAMETERS, comparisons=["Physicians"])


def kernel(case: float, control: float) -> float:
    """DeLong's kernel: 1 when a case is ranked above a control, 1/2 for a tie."""
    return 1.0 if case > control else 0.5 if case == control else 0.0


def slow_delong(scores: list[float], others: list[float], labels: list[int]) -> tuple[float, float]:
    """Return the difference of two AUROC and its standard error by the definition, over all pairs of people."""
    cases, controls = ([place for place, label in enumerate(labels) if label == wanted] for wanted in (1, 0))
    pairs = np.array(
        [
            [kernel(scores[case], scores[control]) - kernel(others[case], others[control]) for control in controls]
            for case in cases
        ]
    )
    variance = pairs.mean(axis=1).var(ddof=1) / len(cases) + pairs.mean(axis=0).var(ddof=1) / len(controls)
    return float(pairs.mean()), float(np.sqrt(variance))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 1)), min_size=8, max_size=40))
def test_intervals_are_delongs_by_the_definition(people: list[tuple[int, int, int]]) -> None:
    people = [*people, (1, 2, 0), (2, 1, 0), (3, 2, 1), (2, 3, 1)]
    one, other, labels = (list(column) for column in zip(*people, strict=True))
    first, second, outcome = np.array(one, float), np.array(other, float), np.array(labels)
    for found, (estimate, error) in (
        (auroc_difference(first, second, outcome), slow_delong(one, other, labels)),
        (auroc(first, outcome), slow_delong(one, [0.0] * len(one), labels)),
    ):
        # Against a constant forecast, the difference is the AUROC less a half, with the same variance.
        shift = 0.5 if estimate != pytest.approx(found.estimate, abs=1e-9) else 0.0
        assert found.estimate == pytest.approx(estimate + shift, abs=1e-9)
        assert found.high == pytest.approx(min(1, found.estimate + 1.959964 * error), abs=1e-6)
    assert auroc(first, outcome).estimate == pytest.approx(roc_auc_score(outcome, first))


def test_average_precision_of_a_perfect_forecast_is_1_and_of_another_lies_in_its_interval() -> None:
    labels = np.array([0, 0, 1, 1])
    assert auprc(np.array([0.1, 0.2, 0.8, 0.9]), labels).low == 1
    found = auprc(np.array([0.1, 0.85, 0.8, 0.9]), labels)
    assert found.estimate == pytest.approx(5 / 6)
    assert 0 < found.low < found.estimate < found.high < 1


def test_an_evaluation_is_out_of_fold_by_the_hash_of_each_row(rows: list[Row], evaluation: Evaluation) -> None:
    forecast = np.zeros(len(rows))
    for fold in range(5):
        model = fit([row for row in rows if int.from_bytes(row_hash(row)) % 5 != fold], PARAMETERS)
        places = [place for place, row in enumerate(rows) if int.from_bytes(row_hash(row)) % 5 == fold]
        forecast[places] = model.predict([rows[place] for place in places])
    expected = roc_auc_score([row.label for row in rows], forecast)
    assert evaluation.auroc.estimate == pytest.approx(expected)


def test_identical_rows_share_a_fold_and_so_nobody_is_known_from_a_twin() -> None:
    chance = random.Random(3)
    people = [Row((chance.random(),), chance.randint(0, 1)) for _ in range(200)]
    flexible = Parameters(depth=8, min_child_weight=0, reg_lambda=0, eta=0.5)
    once = evaluate(people, flexible)
    fourfold = evaluate(people * 4, flexible)
    assert {fold_of(row, 5) for row in people} == set(range(5))
    assert abs(fourfold.auroc.estimate - 0.5) < 0.12
    assert abs(once.auroc.estimate - 0.5) < 0.12


def test_the_order_of_rows_says_nothing_to_an_evaluation(rows: list[Row], evaluation: Evaluation) -> None:
    shuffled = random.Random(5).sample(rows, len(rows))
    assert evaluate(shuffled, PARAMETERS, comparisons=["Physicians"]).to_json() == evaluation.to_json()


def test_a_comparison_is_on_the_same_people_only(rows: list[Row], evaluation: Evaluation) -> None:
    judged = [row for row in rows if row.comparisons[0] == row.comparisons[0]]
    (comparison,) = evaluation.comparisons
    assert (comparison.name, comparison.people) == ("Physicians", len(judged))
    expected = roc_auc_score([row.label for row in judged], [row.comparisons[0] for row in judged])
    assert comparison.auroc.estimate == pytest.approx(expected)
    assert comparison.difference.estimate == pytest.approx(comparison.model.estimate - comparison.auroc.estimate)
    assert comparison.difference.low < comparison.difference.estimate < comparison.difference.high


def test_a_comparison_made_for_too_few_people_is_left_out(rows: list[Row]) -> None:
    judged = [Row(row.features, row.label, (0.5 if place < 20 else float("nan"),)) for place, row in enumerate(rows)]
    assert evaluate(judged, PARAMETERS).comparisons == ()


def test_names_of_comparisons_must_fit_the_rows(rows: list[Row]) -> None:
    with pytest.raises(RowsError, match="as many names"):
        evaluate(rows, PARAMETERS, comparisons=["one", "two"])


def test_ten_people_of_each_outcome_are_the_least(rows: list[Row]) -> None:
    few = [row for row in rows if row.label == 0] + [row for row in rows if row.label == 1][:9]
    with pytest.raises(RowsError, match="ten people"):
        evaluate(few, PARAMETERS)
    with pytest.raises(RowsError, match="two folds"):
        evaluate(rows, PARAMETERS, folds=1)


def test_small_cohorts_are_evaluated_without_a_warning() -> None:
    found = evaluate(invented_rows(60, seed=9), Parameters())
    assert 0 <= found.auroc.low <= found.auroc.high <= 1
    json.dumps(found.to_json(), allow_nan=False)


def test_the_report_is_plain_json_with_numbers_of_four_decimals(evaluation: Evaluation) -> None:
    report = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert (report["people"], report["folds"]) == (600, 5)
    assert report["auroc"]["estimate"] == round(evaluation.auroc.estimate, 4)
    assert report["baseline"]["name"] == "Logistic regression"


def test_counts_below_ten_are_not_shown_and_others_are_rounded_to_five() -> None:
    assert [shown(count) for count in (0, 9, 10, 12, 13, 1002)] == [None, None, 10, 10, 15, 1000]
    assert shown_share(9, 100) is None
    assert shown_share(95, 100) is None
    assert shown_share(52, 100) == 50 / 100


def test_every_rate_of_a_curve_comes_from_counts_in_fives(rows: list[Row], evaluation: Evaluation) -> None:
    cases = sum(row.label for row in rows)
    assert 0 < len(evaluation.roc) <= 100
    for point in evaluation.roc:
        for rate, group in ((point.sensitivity, cases), (point.false_positive_rate, len(rows) - cases)):
            assert any(
                rate == pytest.approx(n / w) for w in range(group // 5 * 5 - 5, group + 11, 5) for n in range(0, w, 5)
            )
    for earlier, later in pairwise(evaluation.roc):
        assert later.threshold > earlier.threshold
        assert later.sensitivity <= earlier.sensitivity + 0.02


def test_one_persons_change_of_score_moves_no_point_of_a_curve_by_that_person_alone() -> None:
    labels = np.array([0, 1] * 100)
    scores = np.linspace(0.2, 0.8, 200)
    moved = scores.copy()
    moved[101] = 0.999
    assert max(point.sensitivity for point in roc_points(moved, labels)) <= 0.95
    assert {point.threshold for point in roc_points(moved, labels)} <= {step / 100 for step in range(100)}


def test_a_forecast_that_is_right_is_calibrated_and_one_too_extreme_has_slope_below_1() -> None:
    chance = np.random.default_rng(11)
    truth = 1 / (1 + np.exp(-chance.normal(0, 1, 20_000)))
    labels = (chance.random(20_000) < truth).astype(np.int64)
    right = calibrate(truth, labels)
    assert right.slope == pytest.approx(1, abs=0.06)
    assert right.intercept == pytest.approx(0, abs=0.05)
    assert right.brier < right.brier_reference
    assert all(group.observed.low - 0.02 < group.predicted < group.observed.high + 0.02 for group in right.groups)
    extreme = truth**2 / (truth**2 + (1 - truth) ** 2)
    assert calibrate(extreme, labels).slope == pytest.approx(0.5, abs=0.05)


def test_a_constant_forecast_has_no_slope() -> None:
    found = calibrate(np.full(100, 0.4), np.array([0, 1] * 50))
    assert found.slope is None
    assert found.intercept == pytest.approx(np.log(0.5 / 0.5) - np.log(0.4 / 0.6))


def test_groups_with_too_few_deaths_or_survivors_are_left_out() -> None:
    labels = np.array([0] * 990 + [1] * 10)
    assert len(calibrate(np.linspace(0.01, 0.5, 1000), labels).groups) == 1


def test_features_come_largest_first_with_how_often_they_are_missing(evaluation: Evaluation) -> None:
    assert evaluation.features[0].name == "signal"
    assert {use.name for use in evaluation.features} == {"signal", "noise", "sometimes"}
    missing = {use.name: use.missing for use in evaluation.features}
    assert missing["signal"] is None
    assert missing["sometimes"] == pytest.approx(0.2, abs=0.05)
