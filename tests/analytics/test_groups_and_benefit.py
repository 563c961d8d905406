"""Decision curves, subgroups and the table of who the people are; small numbers stay hidden."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics import Dictionary, Evaluation, Parameters, Row, evaluate
from analytics.apart import train_apart
from analytics.decision_curve import decision_curve
from analytics.describing import characteristics
from analytics.discrimination import RocPoint
from analytics.subgroups import Group, groups_of, subgroups

NAMED = Parameters(features=("signal", "noise", "sometimes"), rounds=20)
HALVES = (Group("low", "noise", None, 0.0), Group("high", "noise", 0.0, None), Group("other", "no such", None, 1.0))


def test_net_benefit_is_as_defined() -> None:
    (point,) = decision_curve([RocPoint(0.2, 0.3, 0.8)], 1000, 400)
    assert point.model == pytest.approx(0.8 * 0.4 - 0.3 * 0.6 * 0.25)
    assert point.everybody == pytest.approx(0.4 - 0.6 * 0.25)


def test_an_evaluation_has_benefit_groups_and_table_and_all_go_through_the_process(rows: list[Row]) -> None:
    evaluation = evaluate(rows, NAMED, groups=HALVES)
    assert [group.title for group in evaluation.subgroups] == ["low", "high"]
    assert [one.name for one in evaluation.characteristics] == list(NAMED.features)
    assert [point.threshold for point in evaluation.decision] == [point.threshold for point in evaluation.roc]
    assert train_apart(rows, NAMED, groups=HALVES).evaluation == evaluation
    assert Evaluation.from_json(evaluation.to_json()).to_json() == evaluation.to_json()


def test_an_evaluation_of_an_earlier_version_is_still_read(rows: list[Row]) -> None:
    told = evaluate(rows, NAMED).to_json()
    for name in ("decision", "subgroups", "characteristics"):
        del told[name]
    assert Evaluation.from_json(told).subgroups == ()


def test_groups_of_a_dictionary_are_bands_of_age_and_codes_of_sex(dictionary: Dictionary) -> None:
    assert [group.title for group in groups_of(dictionary)] == [
        "Age below 18", "Age 18 to 44", "Age 45 to 64", "Age 65 to 79", "Age 80 and above", "Sex: male", "Sex: female",
    ]  # fmt: skip


def test_counts_of_groups_are_rounded_and_their_figures_are_theirs() -> None:
    chance = np.random.default_rng(1)
    values, outcome = chance.integers(0, 2, (403, 1)).astype(float), chance.integers(0, 2, 403)
    scores = chance.random(403)
    groups = [Group("no", "x", 0, 0.5), Group("yes", "x", 0.5, None)]
    for group, code in zip(subgroups(groups, ["x"], values, scores, outcome), (0, 1), strict=True):
        inside = values[:, 0] == code
        assert group.people % 5 == group.events % 5 == 0
        assert abs(group.people - inside.sum()) <= 5
        assert group.predicted == pytest.approx(scores[inside].mean())


def test_a_small_group_is_hidden_and_takes_the_smallest_other_with_it() -> None:
    values = np.array([0.0] * 15 + [1.0] * 100 + [2.0] * 200)[:, None]
    outcome = np.array([place % 2 for place in range(315)])
    groups = [Group(str(code), "x", code, code + 0.5) for code in range(3)]
    shown = subgroups(groups, ["x"], values, np.linspace(0, 1, 315), outcome)
    assert [group.title for group in shown] == ["2"]
    assert subgroups(groups[:2], ["x"], values, np.linspace(0, 1, 315), outcome) == ()


def test_the_table_has_three_digits_and_hides_the_few() -> None:
    chance = random.Random(3)
    outcome = np.array([place % 2 for place in range(400)])
    columns = np.array(
        [
            [chance.gauss(100, 15), float(place % 4 == 0), float(place == 7), 1.0 if place < 12 else np.nan]
            for place in range(400)
        ]
    )
    usual, flag, rare, sparse = characteristics(["usual", "flag", "rare", "sparse"], columns, outcome)
    assert usual.everybody is not None
    assert usual.everybody.people == 400
    assert len(f"{usual.everybody.mean:g}".replace(".", "")) <= 3
    assert flag.without is not None
    assert flag.without.mean == 0.5
    assert flag.with_outcome is flag.everybody is None  # nobody of them has it: shown, that would be a fact on each
    assert rare.with_outcome is rare.everybody is None
    assert sparse.with_outcome is sparse.without is sparse.everybody is None


def test_one_person_who_differs_from_all_others_is_not_told_by_a_mean() -> None:
    values = np.array([5.0] * 99 + [1234.5])[:, None]
    (found,) = characteristics(["x"], values, np.array([0, 1] * 50))
    assert found.with_outcome is None
    assert found.everybody is None


@pytest.mark.parametrize("code", [1_000_000.0, 50.0, 0.5, -3.0])
@pytest.mark.parametrize("died", [0, 1])
def test_a_code_that_one_person_has_is_not_told_by_a_mean_whatever_its_number(code: float, died: int) -> None:
    """A researcher chooses the numbers; what is shown is the same whether it was that person who died or another."""
    others, ends = [0.0] * 100 + [1.0] * 100, [0, 1] * 100
    (found,) = characteristics(["sex"], np.array([*others, code])[:, None], np.array([*ends, died]))
    (alone,) = characteristics(["sex"], np.array(others)[:, None], np.array(ends))
    for told, without in ((found.with_outcome, alone.with_outcome), (found.without, alone.without)):
        assert told is None or without is None or told.mean == pytest.approx(without.mean, abs=0.05)


def test_extreme_values_of_a_few_do_not_move_a_mean_and_many_do() -> None:
    usual = np.random.default_rng(5).normal(100, 15, 400)
    ends = np.array([0, 1] * 200)

    def mean(values: NDArray[np.float64]) -> float:
        (found,) = characteristics(["x"], values[:, None], ends)
        assert found.everybody is not None
        return found.everybody.mean

    few, many = usual.copy(), usual.copy()
    few[:9], many[:40] = 1e6, 1e6
    assert mean(few) == pytest.approx(mean(usual), rel=0.01)
    assert mean(many) > 50_000
