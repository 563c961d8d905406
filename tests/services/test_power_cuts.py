"""The ledger's process dies between any two of: keep, submit, mined, final, settle. Nothing is doubled or lost."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from consent.domain.history import Granted, Revoked
from consent.ports import Role
from tests.anvil import Anvil
from tests.services.house import House, Template
from tests.services.node_house import NodeHouse, restarted
from tests.services.power_cuts import CutLedger, CutStore, Fuse, PowerCutError

CONFIRMATIONS = 2
NEVER = 10**9


@pytest.fixture
def on_node(anvil: Anvil, tmp_path: Path) -> Iterator[NodeHouse]:
    """A house on a node of its own; a block is final two blocks later."""
    with NodeHouse.built(anvil, tmp_path / "home", CONFIRMATIONS) as house:
        yield house


def act(house: House) -> None:
    """Let one person grant anew and stop what they granted before."""
    subject = house.people[0]
    house.grant(subject)
    running = [entry.id for entry in house.open.book.entries(subject) if not entry.stopped]
    if len(running) > 1:
        house.open.granting.stop(subject, running[:1], house.clock())


def under(fuse: Fuse, house: House) -> None:
    """Let the ledger's services run on this fuse."""
    here = house.open
    house.open = restarted(here, cast("Any", CutLedger(here.ledger, fuse)), cast("Any", CutStore(here.store, fuse)))


def sparks_until_final(house: NodeHouse, fuse: Fuse) -> int:
    """Bring what waits to a final block, with a reorganisation on the way; return how many sparks it took."""
    before = fuse.left
    under(fuse, house)
    house.step()
    house.advance()
    house.node.reorg(1)
    house.later()
    house.step()
    house.advance()
    house.advance(CONFIRMATIONS)
    house.step()
    return before - fuse.left


def assert_once(house: House) -> None:
    """Each consent is granted once, each stop revoked once, and nothing is on its way any more."""
    events = list(house.open.ledger.events(0, house.open.ledger.head().number))
    entries = house.open.book.entries(house.people[0])
    granted = [event.commitment for event in events if isinstance(event, Granted)]
    revoked = [event.commitment for event in events if isinstance(event, Revoked)]
    assert sorted(granted) == sorted(entry.commitment for entry in entries)
    assert sorted(revoked) == sorted(entry.commitment for entry in entries if entry.stopped)
    assert house.state().outbox == 0
    with house.open.store.reading() as unit:
        assert [sent for role in Role for sent in unit.transactions.pending(role)] == []


def cut_at(house: NodeHouse, sparks: range) -> None:
    for spark in sparks:
        act(house)
        room = house.open
        with suppress(PowerCutError):
            sparks_until_final(house, Fuse(spark))
        house.open = room
        house.restart()
        house.settle()
        assert_once(house)
        house.assert_copy_is_true()


def all_sparks(house: NodeHouse) -> int:
    act(house)
    house.settle()
    act(house)
    room = house.open
    sparks = sparks_until_final(house, Fuse(NEVER))
    house.open = room
    house.settle()
    return sparks


@pytest.mark.parametrize("apart", [11, pytest.param(1, marks=pytest.mark.soak)])
def test_a_power_cut_on_a_node_neither_doubles_nor_loses(on_node: NodeHouse, apart: int) -> None:
    cut_at(on_node, range(1, all_sparks(on_node) + 1, apart))


@pytest.mark.parametrize("apart", [9, pytest.param(1, marks=pytest.mark.soak)])
def test_a_power_cut_while_the_outbox_is_made_anew_neither_doubles_nor_loses(
    template: Template, tmp_path: Path, apart: int
) -> None:
    """The epoch dies with what waits in it, and now and then a second time, just after the cut."""
    with House.copied(template, tmp_path / "home") as house:
        room = house.open
        act(house)
        house.publish()
        for spark in range(1, NEVER, apart):
            act(house)
            house.turn_epoch()
            fuse = Fuse(spark)
            under(fuse, house)
            with suppress(PowerCutError):
                house.publish()
            house.open = restarted(house.open, room.ledger, room.store)
            if spark % 2:
                house.turn_epoch()
            house.publish()
            house.publish()  # the first one sent what had been kept: nothing else goes before that is final
            assert_once(house)
            if fuse.left > 0:
                break
        assert spark > 40, "the fuse is where things happen"


@pytest.mark.parametrize("mined", [0, 1])
def test_what_is_on_its_way_when_the_epoch_dies_is_not_sent_again(on_node: NodeHouse, mined: int) -> None:
    """Whether it is in a block or in none: no key tells any more what a transaction carries."""
    house = on_node
    act(house)
    house.step()
    house.node.mine(mined)
    house.turn_epoch()
    act(house)
    house.step()
    with house.open.store.reading() as unit:
        assert len(unit.transactions.pending(Role.RELAYER)) == 1, "nothing new is sent meanwhile"
    if mined:
        house.node.reorg(1)
    house.restart()
    house.settle()
    assert_once(house)
    house.assert_copy_is_true()


@pytest.mark.parametrize("apart", [7, pytest.param(1, marks=pytest.mark.soak)])
def test_a_power_cut_on_an_embedded_chain_neither_doubles_nor_loses(
    template: Template, tmp_path: Path, apart: int
) -> None:
    with House.copied(template, tmp_path / "home") as house:
        room = house.open
        act(house)
        house.publish()
        for spark in range(1, NEVER, apart):
            act(house)
            fuse = Fuse(spark)
            under(fuse, house)
            with suppress(PowerCutError):
                house.publish()
            house.open = restarted(house.open, room.ledger, room.store)
            house.publish()
            assert_once(house)
            if fuse.left > 0:
                break
        assert spark > 40, "the fuse is where things happen"
