"""Anchoring, end to end on the embedded chain: the log grows and is anchored; one that was rewritten is refused."""

import pytest
from sqlalchemy import text

from consent.domain.entry import Action, Entry
from consent.domain.errors import LedgerRejectedError, LogForkError
from consent.domain.merkle import tree_root
from consent.ports import Anchored, Anchoring, Role
from tests.services.house import House
from tests.services.node_house import restarted


def grow(house: House, entries: int) -> None:
    with house.open.store.begin() as unit:
        house.open.log.append(unit, [Entry(number, "operator", Action.LEDGER, "TRIED") for number in range(entries)])


def anchor(house: House) -> bool:
    return house.open.anchoring.step(int(house.clock().timestamp()))


def root_of(house: House) -> Anchored:
    with house.open.store.reading() as unit:
        leaves = unit.log.leaves()
    return Anchored(len(leaves), tree_root(leaves))


def rewrite(house: House, statement: str) -> None:
    """Alter the log behind everybody's back, signatures and all."""
    with house.open.store.begin() as unit:
        connection = unit.connection
        connection.exec_driver_sql("DELETE FROM checkpoints")
        connection.execute(text(statement), {"zeros": bytes(32)})


@pytest.fixture
def anchored(house: House) -> House:
    """A house whose log is on the chain."""
    grow(house, 5)
    assert anchor(house)
    house.publish()
    return house


def test_a_log_that_grows_is_anchored_again_and_again(house: House) -> None:
    assert house.open.ledger.anchored() == Anchored(0, tree_root([]))
    for entries in (1, 3, 40, 200):
        grow(house, entries)
        assert anchor(house)
        house.publish()
        assert house.open.ledger.anchored() == root_of(house)
        assert not anchor(house), "it is on the chain already"
    house.grant(*house.people[:4])
    house.publish()
    assert anchor(house)
    assert house.open.ledger.anchored() == root_of(house)


def test_an_anchor_goes_on_after_a_crash_between_keeping_and_sending(anchored: House) -> None:
    house, ledger = anchored, anchored.open.ledger
    before = ledger.anchored()
    grow(house, 3)
    submit = ledger.submit
    ledger.submit = lambda transaction: None  # type: ignore[method-assign]  # noqa: ARG005  # the lights go out before it
    assert anchor(house)
    ledger.submit = submit  # type: ignore[method-assign]
    assert ledger.anchored() == before
    house.open = restarted(house.open, ledger)
    assert not anchor(house), "it is on its way"
    house.publish()
    assert ledger.anchored() == root_of(house)
    house.publish()
    with house.open.store.reading() as unit:
        assert not unit.transactions.pending(Role.ANCHOR)


REWRITTEN = {
    "an entry altered": 'UPDATE entries SET leaf = :zeros WHERE "index" = 2',
    "entries cut off": 'DELETE FROM entries WHERE "index" > 2',
    "all but what is left is gone": "DELETE FROM entries",
}


@pytest.mark.parametrize("more", [0, 30])
@pytest.mark.parametrize("name", REWRITTEN)
def test_a_log_that_was_rewritten_is_refused_even_with_its_checkpoints_gone(
    anchored: House, name: str, more: int
) -> None:  # fmt: skip
    before = anchored.open.ledger.anchored()
    rewrite(anchored, REWRITTEN[name])
    grow(anchored, more)
    with pytest.raises(LogForkError):
        anchor(anchored)
    with anchored.open.store.reading() as unit:
        assert unit.log.latest_checkpoint() is None, "nor was it signed"
    assert anchored.open.ledger.anchored() == before


def test_the_contract_refuses_it_too(anchored: House) -> None:
    """Whoever holds the anchor's key and runs code of their own gets no further."""
    before = anchored.open.ledger.anchored()
    leaves = [bytes([number]) * 32 for number in range(before.size + 5)]
    with pytest.raises(LedgerRejectedError):
        anchored.open.ledger.send(Anchoring(len(leaves), tree_root(leaves), leaves[:3]))
    assert anchored.open.ledger.anchored() == before
