"""Bundles of an installation whose chain a node serves: told up to its final block, beside the ledger's process."""

from dataclasses import replace
from pathlib import Path

import pytest

from consent import wiring
from consent.services.bundles.scopes import Scope
from consent.settings import SettingsError
from tests.anvil import Anvil
from tests.services.bundles.lives import Read, bundles_of, written
from tests.services.node_house import NodeHouse

CONFIRMATIONS = 5


@pytest.mark.sqlite_only
def test_it_goes_up_to_the_final_block_and_no_further(anvil: Anvil, tmp_path: Path) -> None:
    with NodeHouse.built(anvil, tmp_path / "home", CONFIRMATIONS) as house:
        house.grant(*house.people[:3])
        house.settle()
        house.stop(house.people[0])
        house.later()
        house.step()
        house.advance(1)  # in a block, and not final
        bundle = Read.of(written(bundles_of(house), Scope.everything()))
        final, told = house.open.ledger.final(), bundle.json("chain")
        assert told["chain_id"] == house.open.domain.chain_id
        assert final.number == house.open.ledger.head().number - CONFIRMATIONS
        assert max(line["block"] for line in bundle.lines("events")) <= final.number
        assert [line["kind"] for line in bundle.lines("events")] == ["granted"] * 3
        assert [type(event).__name__ for event in house.events()].count("Revoked") == 1


@pytest.mark.sqlite_only
def test_without_a_node_there_is_none(anvil: Anvil, tmp_path: Path) -> None:
    with NodeHouse.built(anvil, tmp_path / "home", CONFIRMATIONS) as house:
        bundles = wiring.bundles_of(house.open, replace(house.settings, rpc=""), house.clock)
        with pytest.raises(SettingsError, match="CONSENTRY_RPC"):
            written(bundles, Scope.everything())
