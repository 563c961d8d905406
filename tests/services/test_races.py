"""A block may come between any two questions to a node: what it holds is never sent a second time."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hexbytes import HexBytes
from web3.exceptions import TransactionNotFound
from web3.types import TxReceipt

from consent.domain.history import Granted
from consent.ports import Fate, ProjectionHead, Role
from tests.anvil import Anvil
from tests.services.node_house import NodeHouse


@pytest.fixture
def on_node(anvil: Anvil, tmp_path: Path) -> Iterator[NodeHouse]:
    """A house on a node of its own, whose blocks are final at once."""
    with NodeHouse.built(anvil, tmp_path / "home", confirmations=0) as house:
        yield house


def test_what_is_mined_after_the_reading_is_not_sent_again(on_node: NodeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is final before its event was read: whoever takes it for done and unseen publishes the grant twice."""
    house, follower = on_node, on_node.open.follower
    house.grant(*house.people[:3])
    house.step()
    follow = type(follower).follow

    def then_mine(self: object, now: datetime) -> ProjectionHead:
        head = follow(follower, now)
        house.node.mine()
        return head

    monkeypatch.setattr(type(follower), "follow", then_mine)
    for _ in range(4):
        house.step()
    monkeypatch.undo()
    house.settle()
    assert [type(event) for event in house.events()] == [Granted] * 3


def test_what_is_mined_between_two_questions_does_not_look_replaced(
    on_node: NodeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = on_node
    house.grant(house.people[0])
    house.step()
    with house.open.store.reading() as unit:
        [sent] = unit.transactions.pending(Role.RELAYER)
    chain = house.chain()
    eth = chain._chain.web3.eth  # type: ignore[attr-defined]  # a node's
    ask = eth.get_transaction_receipt

    def then_mine(transaction: HexBytes) -> TxReceipt:
        try:
            return ask(transaction)  # type: ignore[no-any-return]
        except TransactionNotFound:
            house.node.mine()
            raise

    monkeypatch.setattr(eth, "get_transaction_receipt", then_mine)
    assert chain.outcome(sent.transaction).fate is not Fate.REPLACED
    assert chain.outcome(sent.transaction).fate is Fate.MINED
