"""The release gate: what a model gives away is measured, bounded and told; a file that leaves tells less."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from analytics import FiguresError, GateFigures, Model, ModelError, Parameters, Row, fit, ubjson
from analytics.discrimination import Interval
from analytics.examining import FALSE_POSITIVES, _share_found, examine
from analytics.folding import fold_out
from analytics.release_gate import strip
from tests.analytics.invented import invented_rows

NAMED = Parameters(features=("signal", "noise", "sometimes"), rounds=40)
SOUND = GateFigures(9000, Interval(0.51, 0.505, 0.515), Interval(0.011, 0.009, 0.013), 80)


def test_a_model_that_gives_nothing_away_passes() -> None:
    assert SOUND.failures() == ()
    assert replace(SOUND, smallest_leaf=10, membership_auroc=Interval(0.55, 0.5, 0.6)).failures() == ()


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        ({"membership_auroc": Interval(0.5512, 0.54, 0.56)}, "an AUROC of 0.551 (0.540 to 0.560); at most 0.55"),
        ({"true_positives": Interval(0.0212, 0.02, 0.03)}, "a share of 0.0212 (0.0200 to 0.0300)"),
        ({"smallest_leaf": 9}, "fewer than 10 people (9)"),
    ],
)
def test_the_figure_that_failed_is_named_with_its_bound(figure: dict[str, Interval], sentence: str) -> None:
    (failure,) = replace(SOUND, **figure).failures()  # type: ignore[arg-type]  # one of three fields
    assert sentence in failure


def test_below_4000_rows_membership_is_reported_and_fails_only_with_its_whole_interval() -> None:
    """Otherwise whoever trains on 3,999 rows would be free to learn them by heart."""
    unsure = replace(SOUND, membership_auroc=Interval(0.6, 0.5, 0.7), true_positives=Interval(0.03, 0.01, 0.05))
    assert len(unsure.failures()) == 2
    assert replace(unsure, rows=4000).judged
    assert replace(unsure, rows=3999).failures() == ()
    assert len(replace(unsure, rows=3999, smallest_leaf=1).failures()) == 1
    sure = replace(SOUND, rows=500, membership_auroc=Interval(0.9, 0.8, 1.0), true_positives=Interval(0.5, 0.4, 0.6))
    assert len(sure.failures()) == 1, "of the AUROC's: the other's interval is too rough with so few"
    assert replace(sure, rows=499).failures() == ()


def test_figures_are_judged_as_they_are_stored() -> None:
    close = replace(SOUND, membership_auroc=Interval(0.55004, 0.54, 0.56), true_positives=Interval(0.02004, 0, 1))
    for one in (close, GateFigures.from_json(close.to_json())):
        assert one.failures() == ()


def test_figures_go_through_json_and_nothing_else_does() -> None:
    assert GateFigures.from_json(json.loads(json.dumps(SOUND.to_json()))) == SOUND
    for wrong in ({}, SOUND.to_json() | {"rows": 1.5}, SOUND.to_json() | {"membership_auroc": 0.5}):
        with pytest.raises(FiguresError):
            GateFigures.from_json(wrong)


def test_a_model_that_learns_by_heart_is_found_out_and_one_that_cannot_is_not() -> None:
    """Labels are drawn by lot: whatever a model forecasts better for its members is memory."""
    chance = random.Random(6)
    people = [Row((chance.random(), chance.random()), chance.randint(0, 1)) for _ in range(4000)]
    by_heart = Parameters(depth=10, min_child_weight=0, reg_lambda=0, eta=0.5, rounds=30)
    figures = examine(people, by_heart, fit(people, by_heart))
    assert figures.membership_auroc.low > 0.8
    assert figures.smallest_leaf == 1
    assert len(figures.failures()) >= 2
    blind = Parameters(depth=1, rounds=1, min_child_weight=400)
    figures = examine(people, blind, fit(people, blind))
    assert figures.membership_auroc.estimate == pytest.approx(0.5, abs=0.02)
    assert figures.true_positives.estimate == pytest.approx(0.01, abs=0.005)
    assert figures.failures() == ()


def test_membership_is_measured_as_by_the_definition() -> None:
    rows = invented_rows(300)
    folded = fold_out(rows, NAMED)
    areas, shares = [], []
    for number, model in folded.models.items():
        truth = [model.predict([row])[0] if row.label else 1 - model.predict([row])[0] for row in folded.rows]
        members = [score for score, fold in zip(truth, folded.fold, strict=True) if fold != number]
        others = [score for score, fold in zip(truth, folded.fold, strict=True) if fold == number]
        pairs = [(member > other) + (member == other) / 2 for member in members for other in others]
        areas.append((sum(pairs) / len(pairs), len(members), len(others)))
        shares.append(float(np.mean(_share_found(np.array(members), np.array(others)))))
    measured = examine(rows, NAMED, fit(rows, NAMED))
    assert measured.membership_auroc.estimate == pytest.approx(np.mean([area for area, _, _ in areas]), abs=0.01)
    assert measured.true_positives.estimate == pytest.approx(np.mean(shares), abs=0.005)


def test_one_outsider_in_a_hundred_is_taken_for_a_member_whatever_ties() -> None:
    chance = random.Random(2)
    for size in (7, 100, 333):
        outsiders = np.array([chance.randint(0, 5) for _ in range(size)], float)
        assert _share_found(outsiders, outsiders).mean() == pytest.approx(FALSE_POSITIVES)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Forecasts of a model that cannot remember: 0.5 lies inside in about 95 of 100 sets of people."""
    blind = Parameters(depth=1, rounds=1, min_child_weight=30)
    held = 0
    for seed in range(60):
        chance = random.Random(seed)
        rows = [Row((chance.random(),), chance.randint(0, 1)) for _ in range(400)]
        area = examine(rows, blind, fit(rows, blind)).membership_auroc
        held += area.low <= 0.5 + 0.02 and area.high >= 0.5
    assert held >= 50


def test_the_smallest_leaf_is_counted_in_people(rows: list[Row]) -> None:
    model = fit(rows, NAMED)
    counted = min(min(np.bincount(tree)[np.bincount(tree) > 0]) for tree in model.leaves(rows).T)
    assert examine(rows, NAMED, model).smallest_leaf == counted >= 80


def test_a_stripped_file_forecasts_the_same_bit_for_bit_and_tells_nothing_of_its_nodes(rows: list[Row]) -> None:
    model = fit(rows, NAMED)
    stripped = strip(model.to_bytes())
    again = Model.from_bytes(stripped)
    assert (again.predict(rows) == model.predict(rows)).all()
    assert len(stripped) == len(model.to_bytes())
    assert stripped != model.to_bytes()
    for tree in ubjson.parse(stripped)["learner"]["gradient_booster"]["model"]["trees"]:
        for name in ("sum_hessian", "loss_changes", "base_weights"):
            assert not tree[name].any()
    with pytest.raises(ModelError, match="stripped"):
        again.explain(rows)
    assert strip(stripped) == stripped


def test_only_a_model_can_be_stripped() -> None:
    with pytest.raises(ModelError):
        strip(b"no model")
