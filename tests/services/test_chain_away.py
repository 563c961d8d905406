"""The chain is away, dear or unpaid: stops act at once, grants wait, and everything arrives once when it is back."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from consent.cli.ledger import LedgerLoop
from consent.domain.errors import LedgerUnavailableError
from consent.domain.history import Event, Granted, Revoked
from consent.domain.receipt import Receipt
from consent.ports import Ledger, Role
from consent.services.sending import RAISE_AFTER_SECONDS
from consent.signatures import verifies
from tests.anvil import Anvil
from tests.services import node_house
from tests.services.house import House, Template
from tests.services.node_house import NodeHouse

CONFIRMATIONS = 3
AT_ONCE = 1.0
"""Seconds: what needs no chain must not wait for one."""
DEAR = 10**13


@pytest.fixture
def on_node(anvil: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NodeHouse]:
    """A house on a node of its own, which has half a second to answer."""
    monkeypatch.setattr(node_house, "PATIENCE", 0.5)
    with NodeHouse.built(anvil, tmp_path / "home", CONFIRMATIONS) as house:
        house.restart()
        yield house


@dataclass(frozen=True, slots=True)
class Absence:
    """A node that is gone or frozen; what waits in its pool is lost only when it is gone."""

    house: NodeHouse
    kind: Literal["gone", "frozen"]

    def begin(self) -> None:
        """Take the node away."""
        (self.house.node.stop if self.kind == "gone" else self.house.node.freeze)()

    def end(self) -> None:
        """Bring the node back, with the time of now."""
        node = self.house.node
        (node.restart if self.kind == "gone" else node.thaw)()
        node.set_automine(False)
        node.set_time(int(self.house.clock().timestamp()))
        node.mine()


@pytest.fixture(params=["gone", "frozen"])
def absence(request: pytest.FixtureRequest, on_node: NodeHouse) -> Absence:
    """The node goes away by the test's word."""
    return Absence(on_node, request.param)


def is_signed(house: House, receipt: Receipt) -> bool:
    return verifies(house.open.log.signer.public_key, receipt.signed_bytes(), bytes.fromhex(receipt.signature))


def on_chain(ledger: Ledger, kind: type[Event], house: House) -> list[str]:
    """Return who has a consent that was granted, or revoked, once for each time."""
    owners = {entry.commitment: subject for subject in house.people for entry in house.open.book.entries(subject)}
    events = ledger.events(0, ledger.head().number)
    return sorted(owners[event.commitment] for event in events if isinstance(event, kind))


def in_force(house: NodeHouse, *people: int) -> None:
    house.grant(*(house.people[number] for number in people))
    house.settle()


def address(house: NodeHouse, role: Role) -> bytes:
    ledger = house.open.ledger
    return ledger._held_keys().address(role)  # type: ignore[attr-defined, no-any-return]  # a chain's own


def try_to_step(house: NodeHouse) -> None:
    """Take a step that is held up, and mine."""
    with pytest.raises(LedgerUnavailableError):
        house.step()
    house.refresh()
    house.node.mine()


# ------------------------------------------------------------------------------------------------------ a node away


def test_while_the_node_is_away_stops_act_and_grants_wait_and_all_arrives_once(absence: Absence) -> None:
    house = absence.house
    in_force(house, 0, 1)
    on_its_way, later, stopped, other = house.people[2], house.people[3], house.people[0], house.people[1]
    house.grant(on_its_way)
    house.step()
    assert len(house.node.waiting()) == 1
    absence.begin()
    began = time.monotonic()
    [receipt] = house.stop(stopped)
    [granted] = house.grant(later)
    verdicts = [house.verdict(subject) for subject in (stopped, other, on_its_way, later)]
    assert time.monotonic() - began < AT_ONCE
    assert verdicts == ["STOPPED", "PERMIT", "NOT_FINAL", "NOT_FINAL"]
    assert is_signed(house, receipt)
    assert is_signed(house, granted)
    for _ in range(3):
        with pytest.raises(LedgerUnavailableError):
            house.open.relayer.step(house.clock())
    house.clock.ahead += timedelta(seconds=130)
    assert {house.verdict(subject) for subject in house.people} == {"LEDGER_STALE"}
    absence.end()
    house.settle()
    assert [house.verdict(subject) for subject in (stopped, other, on_its_way, later)] == ["STOPPED", *["PERMIT"] * 3]
    ledger = house.open.ledger
    assert on_chain(ledger, Granted, house) == sorted(house.people[:4])
    assert on_chain(ledger, Revoked, house) == [stopped]
    house.assert_copy_is_true()


def test_a_ledger_process_that_starts_while_the_node_is_away_says_so(absence: Absence) -> None:
    absence.begin()
    with pytest.raises(LedgerUnavailableError):
        absence.house.restart()
    absence.end()
    absence.house.restart()
    assert absence.house.follow().matches


def test_a_frozen_node_may_come_back_in_the_middle_of_a_step(on_node: NodeHouse) -> None:
    """A request that timed out may have been taken all the same."""
    house = on_node
    house.grant(*house.people[:3])
    prepare = house.open.ledger.prepare

    def then_freeze(*arguments: object) -> object:
        transaction = prepare(*arguments)  # type: ignore[arg-type]  # an act and a nonce
        house.node.freeze()
        return transaction

    house.open.ledger.prepare = then_freeze  # type: ignore[method-assign, assignment]  # the moment before `submit`
    with pytest.raises(LedgerUnavailableError):
        house.step()
    house.open.ledger.prepare = prepare  # type: ignore[method-assign]
    house.node.thaw()
    house.settle()
    assert on_chain(house.open.ledger, Granted, house) == sorted(house.people[:3])


# ------------------------------------------------------------------------------------------------------- gas and fees


@pytest.mark.parametrize(("poor", "rich"), [(Role.CUSTODIAN, Granted), (Role.RELAYER, Revoked)])
def test_a_role_without_gas_holds_up_no_other(on_node: NodeHouse, poor: Role, rich: type[Event]) -> None:
    house = on_node
    in_force(house, 0, 1)
    house.node.set_balance(address(house, poor), 0)
    house.stop(house.people[0])
    house.grant(house.people[2])
    for _ in range(CONFIRMATIONS + 3):
        try_to_step(house)
    granted, revoked = (on_chain(house.open.ledger, kind, house) for kind in (Granted, Revoked))
    assert (len(granted), len(revoked)) == ((3, 0) if rich is Granted else (2, 1))
    assert house.state().outbox == 1
    house.node.set_balance(address(house, poor), 10**20)
    house.settle()
    assert on_chain(house.open.ledger, Granted, house) == sorted(house.people[:3])
    assert on_chain(house.open.ledger, Revoked, house) == [house.people[0]]


def test_it_does_not_hold_up_the_logs_anchor_either(on_node: NodeHouse) -> None:
    house = on_node
    in_force(house, 0)
    house.node.set_balance(address(house, Role.CUSTODIAN), 0)
    house.stop(house.people[0])
    LedgerLoop(house.open, threading.Event(), house.clock)._step()
    with house.open.store.reading() as unit:
        assert len(unit.transactions.pending(Role.CUSTODIAN)) == 1
        [anchor] = unit.transactions.pending(Role.ANCHOR)
    assert anchor.transaction.hash in house.node.waiting()


def test_nothing_is_anchored_on_a_chain_that_lost_a_final_block(on_node: NodeHouse) -> None:
    house = on_node
    in_force(house, 0)
    house.node.reorg(CONFIRMATIONS + 2)
    LedgerLoop(house.open, threading.Event(), house.clock)._step()
    with house.open.store.reading() as unit:
        assert not unit.transactions.pending(Role.ANCHOR)


def nonces(house: NodeHouse) -> list[int]:
    """Return the nonces of what waits in the pool."""
    found = (house.node.rpc("eth_getTransactionByHash", "0x" + sent.hex()) for sent in house.node.waiting())
    return [int(transaction["nonce"], 16) for transaction in found]


@pytest.mark.parametrize("why", ["the base fee is above its cap", "blocks are full"])
def test_a_transaction_that_is_stuck_is_replaced_by_a_dearer_one_and_one_of_them_is_mined(
    on_node: NodeHouse, why: str
) -> None:
    house = on_node
    house.grant(house.people[0])
    house.step()
    [first], [nonce] = house.node.waiting(), nonces(house)
    if why == "blocks are full":
        house.node.mine_without(first)
    else:
        house.node.set_base_fee(DEAR)
        house.node.mine()  # anvil forgets it; another node would keep it
    with suppress(LedgerUnavailableError):  # "the base fee is above its cap", as this node says
        house.step()
    house.later(RAISE_AFTER_SECONDS + 1)
    house.step()
    [second] = house.node.waiting()
    assert second != first
    assert nonces(house) == [nonce]
    with house.open.store.reading() as unit:
        assert [sent.transaction.hash for sent in unit.transactions.pending(Role.RELAYER)] == [first, second]
    house.settle()
    assert house.node.receipt(first) is None
    assert on_chain(house.open.ledger, Granted, house) == [house.people[0]]
    assert house.open.ledger.next_nonce(Role.RELAYER) == nonce + 1


def test_the_cheaper_one_may_be_mined_after_all(on_node: NodeHouse) -> None:
    """A miner may hold the first, whatever the pool says."""
    house = on_node
    house.grant(house.people[0])
    house.step()
    [first] = house.node.waiting()
    raw = house.node.raw_transaction(first)
    house.node.mine_without(first)
    house.later(RAISE_AFTER_SECONDS + 1)
    house.step()
    [second] = house.node.waiting()
    house.node.drop(second)
    house.node.rpc("eth_sendRawTransaction", "0x" + raw.hex())
    house.node.mine()
    house.settle()
    assert house.node.receipt(first) is not None
    assert house.node.receipt(second) is None
    assert on_chain(house.open.ledger, Granted, house) == [house.people[0]]


def test_nothing_else_of_a_role_goes_while_something_of_it_is_in_no_block(on_node: NodeHouse) -> None:
    house = on_node
    house.grant(house.people[0])
    house.step()
    house.grant(house.people[1])
    for _ in range(3):
        house.later(2)
        house.step()
    assert len(house.node.waiting()) == 1
    house.settle()
    assert on_chain(house.open.ledger, Granted, house) == sorted(house.people[:2])


# --------------------------------------------------------------------------------------------------- an embedded chain


def test_while_no_process_runs_the_ledger_stops_act_and_grants_wait_and_all_arrives_once(
    template: Template, tmp_path: Path
) -> None:
    home, [stopped, other, later] = tmp_path / "home", list(template.wallets)[:3]
    with House.copied(template, home) as house:
        house.grant(stopped, other)
        house.publish()
    with House.without_ledger(home, template.wallets) as house:
        began = time.monotonic()
        [receipt] = house.stop(stopped)
        house.grant(later)
        verdicts = [house.verdict(subject) for subject in (stopped, other, later)]
        assert time.monotonic() - began < AT_ONCE
        assert verdicts == ["STOPPED", "PERMIT", "NOT_FINAL"]
        assert is_signed(house, receipt)
        house.clock.ahead += timedelta(seconds=130)
        assert {house.verdict(subject) for subject in house.people} == {"LEDGER_STALE"}
    with House.opened(home, template.wallets) as house:
        assert house.publish() == 2
        assert [house.verdict(subject) for subject in (stopped, other, later)] == ["STOPPED", "PERMIT", "PERMIT"]
        assert on_chain(house.open.ledger, Granted, house) == sorted([stopped, other, later])
        assert on_chain(house.open.ledger, Revoked, house) == [stopped]
