"""What a transaction costs: under its goal, and the same however many consents there are already."""

import random
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import Final

import pytest

from benchmarks.gas import CHEAPEST, DEAREST, LEAVES, anchor_gas, gas_after
from consent.domain.grant import BATCH_LIMIT
from tests.anvil import Anvil
from tests.anvil_chain import AnvilChain
from tests.chains import CHAIN_ID

GOALS: Final = {
    "gas.grant_batch_256": 8_800 * BATCH_LIMIT,
    "gas.grant_single": 44_000,
    "gas.grant_batch_1": 46_000,
    "gas.revoke_single": 53_000,
    "gas.revoke_signed_batch_256": 31_500 * BATCH_LIMIT,
}
ANCHOR_GOAL: Final = 63_000
FEW: Final = 10


@pytest.fixture(scope="module")
def with_few() -> dict[str, int]:
    return gas_after(FEW)


@pytest.mark.parametrize("name", GOALS)
def test_a_transaction_stays_under_its_goal(with_few: dict[str, int], name: str) -> None:
    assert with_few[name] <= GOALS[name]


def test_every_measured_transaction_has_a_goal(with_few: dict[str, int]) -> None:
    assert with_few.keys() == GOALS.keys()


MANY = [1_000, pytest.param(10_000, marks=pytest.mark.soak)]


@pytest.mark.parametrize("earlier", MANY)
def test_earlier_consents_cost_not_one_unit_of_gas_more(with_few: dict[str, int], earlier: int) -> None:
    """The bytes sent are the same in both, so that the difference is exactly nothing."""
    assert gas_after(earlier) == with_few


@pytest.mark.parametrize("earlier", [FEW, *MANY])
def test_a_real_node_takes_exactly_the_gas_that_the_embedded_chain_takes(
    with_few: dict[str, int], tmp_path: Path, earlier: int
) -> None:  # fmt: skip
    with Anvil(tmp_path, *AnvilChain.options(), chain_id=CHAIN_ID) as node:
        assert gas_after(earlier, partial(AnvilChain, node)) == with_few


def test_a_real_node_takes_the_same_gas_for_anchoring(tmp_path: Path) -> None:
    with Anvil(tmp_path, *AnvilChain.options(), chain_id=CHAIN_ID) as node:
        assert anchor_gas(*DEAREST, partial(AnvilChain, node)) == anchor_gas(*DEAREST)


def test_anchoring_stays_under_its_goal_up_to_18_levels() -> None:
    assert anchor_gas(*CHEAPEST) < anchor_gas(0, 1) < anchor_gas(*DEAREST) <= ANCHOR_GOAL
    assert LEAVES == 262_143


def test_the_dearest_tree_to_anchor_is_the_largest_after_the_one_two_leaves_smaller() -> None:
    """Of four levels all pairs; of ten levels some, drawn anew each time."""
    pairs = [(old, new) for new in range(2, 16) for old in range(1, new)]
    assert max(starmap(anchor_gas, pairs)) == anchor_gas(13, 15)
    assert min(starmap(anchor_gas, pairs)) == anchor_gas(*CHEAPEST)
    drawn = [sorted(random.sample(range(1, 1024), 2)) for _ in range(40)]
    assert max(anchor_gas(old, new) for old, new in drawn) <= anchor_gas(1021, 1023)
