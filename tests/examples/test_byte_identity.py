"""The same people give the same bytes: on all of SUPPORT2, in fresh processes."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import pytest

from analytics import Parameters, Row, row_hash
from analytics.apart import fit_apart
from analytics.ubjson import parse
from tests.examples.support2_rows import dictionary, support2_rows

PARAMETERS: Final = Parameters(features=dictionary().names, rounds=30)


def shuffled(rows: Sequence[Row], seed: int) -> list[Row]:
    return random.Random(seed).sample(rows, len(rows))


def shuffled_places(count: int, seed: int) -> list[int]:
    return random.Random(-seed).sample(range(count), count)


@pytest.fixture(scope="module")
def model() -> bytes:
    return fit_apart(support2_rows(), PARAMETERS)


def test_six_orders_of_import_give_the_same_bytes_in_fresh_processes(model: bytes) -> None:
    assert {fit_apart(shuffled(support2_rows(), seed), PARAMETERS) for seed in range(6)} == {model}


@pytest.mark.parametrize("count", [1, 10, 300])
def test_people_who_withdrew_leave_the_model_of_those_who_never_had_them(model: bytes, count: int) -> None:
    rows = support2_rows()
    gone = set(random.Random(count).sample(range(len(rows)), count))
    never = [row for place, row in enumerate(rows) if place not in gone]
    withdrawn = [rows[place] for place in shuffled_places(len(rows), count) if place not in gone]
    again = fit_apart(withdrawn, PARAMETERS)
    assert again == fit_apart(never, PARAMETERS)
    assert again != model


def test_one_outcome_turned_gives_other_bytes(model: bytes) -> None:
    first, *others = support2_rows()
    assert fit_apart([replace(first, label=1 - first.label), *others], PARAMETERS) != model


def moved(place: int, end: Callable[[list[float]], float] = max) -> list[Row]:
    """Return all rows, one value of the first person's at one end of what there is."""
    first, *others = support2_rows()
    known = [row.features[place] for row in others if not math.isnan(row.features[place])]
    return [replace(first, features=(*first.features[:place], end(known), *first.features[place + 1 :])), *others]


def test_one_value_moved_gives_other_bytes(model: bytes) -> None:
    """Across a tree's first split, which everybody stands at: from there one end or the other is on the far side."""
    trees = parse(model)["learner"]["gradient_booster"]["model"]["trees"]
    for place in {int(tree["split_indices"][0]) for tree in trees}:
        assert {fit_apart(moved(place, end), PARAMETERS) for end in (min, max)} != {model}


def test_a_value_that_no_tree_looks_at_leaves_the_model_and_changes_what_the_manifest_answers_for(model: bytes) -> None:
    """Sex is never split on with these parameters: the model is the same function, and its rows are not the same."""
    rows = moved(dictionary().names.index("male"), min)
    assert fit_apart(rows, PARAMETERS) == model
    assert row_hash(rows[0]) != row_hash(support2_rows()[0])


def test_any_one_value_changed_gives_another_row_hash() -> None:
    first = support2_rows()[0]
    one_more = [
        replace(
            first, features=(*first.features[:place], math.nextafter(value, math.inf), *first.features[place + 1 :])
        )
        for place, value in enumerate(first.features)
        if not math.isnan(value)
    ]
    assert len({row_hash(row) for row in [first, *one_more]}) == len(one_more) + 1
