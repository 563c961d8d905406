"""A model is a function of the set of rows and of nothing else, and strange bytes are no model."""

import hashlib
import math
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import Model, ModelError, Parameters, ParametersError, Row, RowsError, fit
from tests.analytics.invented import invented_rows

NAMED = Parameters(features=("signal", "noise", "sometimes"), rounds=40)
IN_ANOTHER_PROCESS = """
import hashlib
from analytics import Parameters, fit
from tests.analytics.invented import invented_rows
parameters = Parameters(features=("signal", "noise", "sometimes"), rounds=40)
print(hashlib.sha256(fit(invented_rows(600), parameters).to_bytes()).hexdigest())
"""


def test_the_same_rows_give_the_same_bytes_in_a_fresh_process(rows: list[Row]) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)  # our own text
    assert ran.stdout.strip() == hashlib.sha256(fit(rows, NAMED).to_bytes()).hexdigest()


@settings(max_examples=10, deadline=None)
@given(st.randoms())
def test_the_order_of_rows_says_nothing(chance: random.Random) -> None:
    rows = invented_rows(600)
    assert fit(chance.sample(rows, len(rows)), NAMED).to_bytes() == fit(rows, NAMED).to_bytes()


@pytest.mark.parametrize("leaving", [1, 30, 300])
def test_removing_people_equals_never_having_had_them(rows: list[Row], leaving: int) -> None:
    gone = random.Random(leaving).sample(range(len(rows)), leaving)
    joined_last = [row for place, row in enumerate(rows) if place not in gone]
    with_them = fit(rows, NAMED)
    without_them = fit([row for row in reversed(rows) if not any(row is rows[place] for place in gone)], NAMED)
    assert without_them.to_bytes() == fit(joined_last, NAMED).to_bytes()
    assert without_them.to_bytes() != with_them.to_bytes()


def test_values_beside_the_model_never_reach_it(rows: list[Row]) -> None:
    told = [Row(row.features, row.label, (float(row.label),)) for row in rows]
    assert fit(told, NAMED).to_bytes() == fit(rows, NAMED).to_bytes()


def test_the_model_learns_something(rows: list[Row]) -> None:
    probabilities = fit(rows, NAMED).predict(rows)
    outcome = np.array([row.label for row in rows])
    assert probabilities[outcome == 1].mean() > probabilities[outcome == 0].mean() + 0.1
    assert ((probabilities > 0) & (probabilities < 1)).all()


def test_predictions_keep_the_order_of_the_rows_asked_for(rows: list[Row]) -> None:
    model = fit(rows, NAMED)
    assert model.predict(rows[::-1]) == pytest.approx(model.predict(rows)[::-1])


def test_contributions_add_up_to_the_forecast(rows: list[Row]) -> None:
    model = fit(rows, NAMED)
    probabilities, contributions = model.predict(rows), model.explain(rows)
    assert contributions.shape == (len(rows), 4)
    assert contributions.sum(axis=1) == pytest.approx(np.log(probabilities / (1 - probabilities)), abs=1e-5)
    assert np.ptp(contributions[:, -1]) == 0


def test_a_model_goes_through_its_bytes_unchanged(rows: list[Row]) -> None:
    model = fit(rows, NAMED)
    again = Model.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    assert (again.predict(rows) == model.predict(rows)).all()
    assert (again.explain(rows) == model.explain(rows)).all()
    assert bytes(again.booster.save_raw("ubj")) == model.to_bytes()


@pytest.mark.parametrize("content", [b"", b"{}", b"not a model", b"{" + bytes(64), b"\x00" * 512, b"[" * 5000, b"{i"])
def test_bytes_that_are_no_model_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError):
        Model.from_bytes(content)


def test_a_part_of_a_model_or_more_than_one_is_refused(rows: list[Row]) -> None:
    content = fit(rows, NAMED).to_bytes()
    for changed in (content[:-1], content[: len(content) // 2], content[1:], content + b"N", content * 2):
        with pytest.raises(ModelError):
            Model.from_bytes(changed)


def test_a_model_of_something_else_is_refused(rows: list[Row]) -> None:
    import xgboost

    other = xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(np.eye(3), np.arange(3)), 2)
    with pytest.raises(ModelError, match="no model of ours"):
        Model.from_bytes(bytes(other.save_raw("ubj")))


@pytest.mark.parametrize(
    ("part", "place", "value"),
    [
        (b"left_children", 0, 0),  # a loop
        (b"left_children", 0, 2),  # one child twice
        (b"right_children", 0, 10_000),  # a child outside the tree
        (b"split_indices", 0, 3),  # a feature that there is not
        (b"split_indices", 0, -7),
        (b"parents", 1, 5),
    ],
)
def test_a_tree_that_is_none_is_refused_before_xgboost_follows_it(
    rows: list[Row], part: bytes, place: int, value: int
) -> None:
    content = fit(rows, NAMED).to_bytes()
    heading = part + b"[$l#L"
    start = content.index(heading) + len(heading) + 8 + 4 * place
    broken = content[:start] + value.to_bytes(4, signed=True) + content[start + 4 :]
    assert broken != content
    with pytest.raises(ModelError):
        Model.from_bytes(broken)


def test_damaged_models_never_take_the_program_down(rows: list[Row]) -> None:
    content = fit(rows, Parameters(features=NAMED.features, rounds=2)).to_bytes()
    chance = random.Random(4)
    for _ in range(600):
        damaged = bytearray(content)
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with suppress(ModelError, RowsError):
            Model.from_bytes(bytes(damaged)).explain(rows[:3])


def test_one_label_alone_cannot_be_learned(rows: list[Row]) -> None:
    with pytest.raises(RowsError, match="both needed"):
        fit([row for row in rows if row.label == 1], NAMED)


def test_names_and_rows_must_agree(rows: list[Row]) -> None:
    with pytest.raises(RowsError, match="another number of features"):
        fit(rows, Parameters(features=("one", "two")))
    with pytest.raises(RowsError, match="another number of features"):
        fit(rows, NAMED).predict([Row((1.0,), 0)])


def test_a_model_without_names_works_the_same(rows: list[Row]) -> None:
    assert fit(rows, Parameters(rounds=5)).predict(rows).shape == (600,)


@pytest.mark.parametrize(
    "wrong",
    [{"depth": 0}, {"depth": 40}, {"eta": 0}, {"eta": math.nan}, {"min_child_weight": -1}, {"reg_lambda": math.inf},
     {"rounds": 0}, {"seed": -1}, {"nthread": 0}, {"features": ("a", "a")},
        {"features": ("a[0]",)}],
)  # fmt: skip
def test_a_parameter_out_of_range_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ParametersError, match=next(iter(wrong))):
        Parameters(**wrong)  # type: ignore[arg-type]  # the wrong value is the point


def test_the_parameters_are_plain_json() -> None:
    assert NAMED.to_json() == {
        "features": ["signal", "noise", "sometimes"], "depth": 3, "eta": 0.05, "min_child_weight": 20, "reg_lambda": 5,
        "rounds": 40, "seed": 0, "nthread": 1,
    }  # fmt: skip
