"""Anchoring, end to end on the embedded chain: the log grows and is anchored; one that was rewritten is refused."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from consent.adapters.sql.conditions import SqlConditions
from consent.cli.ledger import LedgerLoop
from consent.domain.entry import Action, Entry
from consent.domain.errors import LedgerRejectedError, LogForkError
from consent.domain.merkle import tree_root
from consent.ports import Anchored, AnchoredAt, Anchoring, Role
from tests.services.house import House
from tests.services.node_house import restarted


def grow(house: House, entries: int) -> None:
    with house.open.store.begin() as unit:
        house.open.log.append(unit, [Entry(number, "operator", Action.LEDGER, "TRIED") for number in range(entries)])


def anchor(house: House) -> bool:
    return house.open.anchoring.step(int(house.clock().timestamp()))


def root_of(house: House) -> Anchored:
    with house.open.store.reading() as unit:
        leaves = [entry.leaf for entry in unit.log.entries()]
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


def anchors(house: House) -> list[AnchoredAt]:
    with house.open.store.reading() as unit:
        return list(unit.log.anchors())


def test_what_the_chain_holds_for_good_is_stored_with_a_block_that_has_it(house: House) -> None:
    assert house.open.anchoring.settle()
    assert anchors(house) == []
    sizes = []
    for entries in (4, 30):
        grow(house, entries)
        assert anchor(house)
        assert not house.open.anchoring.settle(), "it may still be replaced"
        house.publish()
        assert house.open.anchoring.settle()
        sizes.append(root_of(house).size)
    assert [anchored.size for anchored in anchors(house)] == sizes
    head = house.open.ledger.final()
    assert (anchors(house)[-1].block, anchors(house)[-1].time) <= (head.number, head.time)
    before = anchors(house)
    assert house.open.anchoring.settle()
    assert anchors(house) == before


def test_an_anchor_of_which_nobody_took_note_is_stored_at_the_next_step(anchored: House) -> None:
    with anchored.open.store.begin() as unit:
        unit.connection.exec_driver_sql("DELETE FROM anchors")
    assert not anchor(anchored)
    assert [one.size for one in anchors(anchored)] == [anchored.open.ledger.anchored().size]


def wish(house: House) -> None:
    with house.open.store.begin() as unit:
        unit.log.ask_for_anchor(int(house.clock().timestamp()))


def test_a_wish_is_met_by_what_is_sent_and_by_what_the_chain_has(anchored: House) -> None:
    house = anchored
    wish(house)
    assert not anchor(house)
    assert not house.open.anchoring.is_wished(), "all of the log is on the chain"
    grow(house, 1)
    wish(house)
    assert anchor(house)
    assert not house.open.anchoring.is_wished()


def test_a_wish_outlasts_what_is_on_its_way(anchored: House) -> None:
    """The anchor that was sent before it need not cover what the wish is about."""
    house = anchored
    grow(house, 1)
    assert anchor(house)
    grow(house, 1)
    wish(house)
    assert not anchor(house)
    assert house.open.anchoring.is_wished()
    house.publish()
    assert anchor(house)
    house.publish()
    assert house.open.ledger.anchored() == root_of(house)


def test_the_ledgers_process_anchors_by_its_schedule_and_when_somebody_wants_it(house: House) -> None:
    loop = LedgerLoop(house.open, threading.Event(), house.clock, anchor_seconds=600)

    def stepped() -> int:
        for _ in range(3):
            loop._step()
        return root_of(house).size - house.open.ledger.anchored().size

    grow(house, 3)
    assert stepped() == 0
    grow(house, 3)
    assert stepped() == 3, "its hour has not come"
    house.clock.ahead = timedelta(seconds=601)
    assert stepped() == 0
    grow(house, 3)
    wish(house)
    assert stepped() == 0
    assert [one.size for one in anchors(house)][-1] == house.open.ledger.anchored().size


def test_who_wants_an_anchor_of_a_rewritten_log_is_not_obeyed_and_not_in_the_way(anchored: House) -> None:
    before = anchored.open.ledger.anchored()
    rewrite(anchored, REWRITTEN["an entry altered"])
    grow(anchored, 20)
    wish(anchored)
    loop = LedgerLoop(anchored.open, threading.Event(), anchored.clock)
    for _ in range(3):
        loop._step()
    assert anchored.open.ledger.anchored() == before
    assert anchored.open.anchoring.is_wished()


def lag(house: House, ahead: int) -> int:
    return SqlConditions(house.open.store).condition(house.clock() + timedelta(seconds=ahead)).anchor_lag


def append_at(house: House, *times: int) -> None:
    with house.open.store.begin() as unit:
        house.open.log.append(unit, [Entry(time, "operator", Action.LEDGER, "TRIED") for time in times])


def test_the_lag_is_the_age_of_the_oldest_entry_that_no_anchor_covers(house: House) -> None:
    house.anchor()
    now = int(house.clock().timestamp())
    assert lag(house, 5000) == 0, "nothing is uncovered"
    append_at(house, now - 50, now - 500)
    assert 5050 <= lag(house, 5000) <= 5060
    house.anchor()
    assert lag(house, 5000) == 0


def test_an_anchor_of_more_than_the_log_holds_covers_nothing(house: House) -> None:
    house.anchor()
    append_at(house, int(house.clock().timestamp()) - 50)
    with house.open.store.begin() as unit:
        unit.log.add_anchor(AnchoredAt(10**6, 1, 1))
    assert lag(house, 0) >= 50


def test_an_entry_without_a_time_is_as_late_as_can_be(house: House) -> None:
    house.anchor()
    append_at(house, int(house.clock().timestamp()))
    with house.open.store.begin() as unit:
        unit.connection.execute(
            text('UPDATE entries SET body = :zeros WHERE "index" = (SELECT max("index") FROM entries)'),
            {"zeros": b"{}"},
        )
    assert lag(house, 0) > 10**9


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
