"""Blocks that a real node replaces: the copy follows, a revocation outlives its block, nothing is lost or doubled."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from consent.domain.errors import LedgerUnavailableError
from consent.domain.history import Event, Granted, Revoked
from consent.domain.registry_replay import Key
from consent.domain.terms import SubjectId
from consent.ports import ModelStatus, Revocations, Role
from consent.services import following
from tests.anvil import Anvil
from tests.services.node_house import NodeHouse

CONFIRMATIONS = 25
DEEPEST = 20


@pytest.fixture
def on_node(anvil: Anvil, tmp_path: Path) -> Iterator[NodeHouse]:
    """A house on a node of its own; a block is final 25 blocks later."""
    with NodeHouse.built(anvil, tmp_path / "home", CONFIRMATIONS) as house:
        yield house


@pytest.fixture
def few_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only eight hashes of recent blocks are kept."""
    monkeypatch.setattr(following, "KEPT_BLOCKS", 8)


def key_of(house: NodeHouse, subject: SubjectId) -> Key:
    entry = house.open.book.entries(subject)[-1]
    return entry.patient, entry.commitment


def revoke_without_us(house: NodeHouse, subject: SubjectId) -> bytes:
    """Let the patient's own revocation wait in the pool, as anyone may relay it; return its transaction's hash."""
    _, commitment = key_of(house, subject)
    own = house.wallets[subject].revoke(commitment, house.open.domain)
    chain = house.chain()
    transaction = chain.prepare(Revocations([own]), chain.next_nonce(Role.RELAYER))
    chain.submit(transaction)
    return transaction.hash


def in_force(house: NodeHouse, *subjects: SubjectId) -> None:
    """Let subjects grant, and wait until that is final."""
    house.grant(*subjects)
    house.settle()
    assert {house.verdict(subject) for subject in subjects} == {"PERMIT"}


# --------------------------------------------------------------------------------------------------------- the copy


def test_after_a_reorg_of_any_depth_the_copy_is_what_a_new_one_would_be(on_node: NodeHouse) -> None:
    house = on_node
    for depth in range(1, DEEPEST + 1):
        subject = house.people[depth % len(house.people)]
        house.grant(subject)
        house.advance()
        house.stop(house.people[(depth + 3) % len(house.people)])
        for blocks in (1, depth // 2 + 1, depth // 2 + 1):
            house.advance(blocks)
        house.node.reorg(depth)
        house.assert_copy_is_true()
        house.later()
    house.settle()
    house.assert_copy_is_true()


@pytest.mark.usefixtures("few_kept")
def test_so_it_is_after_a_reorg_deeper_than_the_hashes_that_are_kept(on_node: NodeHouse) -> None:
    house = on_node
    for depth in (9, 15, 24):
        house.grant(house.people[0])
        house.advance()
        house.advance(depth // 2)
        house.stop(house.people[0])
        for _ in range(depth // 2):
            house.advance()
        house.node.reorg(depth)
        house.assert_copy_is_true()
        house.later()
        house.step()
    house.settle()
    house.assert_copy_is_true()


def test_it_may_restart_between_the_reorg_and_the_next_reading(on_node: NodeHouse) -> None:
    house = on_node
    house.grant(*house.people[:3])
    house.advance()
    house.advance()
    house.node.reorg(2)
    house.restart()
    house.assert_copy_is_true()


def test_a_chain_that_moves_while_it_is_read_is_read_again(on_node: NodeHouse) -> None:
    """The same grant comes a block later, at the same length: the history at the end is the same, the block is not."""
    house, ledger = on_node, on_node.open.ledger
    house.grant(house.people[0])
    house.step()
    raw = "0x" + house.node.raw_transaction(house.node.waiting()[0]).hex()
    house.node.mine(2)
    events = ledger.events

    def then_move(first: int, last: int) -> Sequence[Event]:
        found = events(first, last)
        house.node.rpc("anvil_setCoinbase", "0x" + "11" * 20)
        house.node.rpc("anvil_reorg", 2, [[raw, 1]])
        return found

    ledger.events = then_move  # type: ignore[method-assign]  # between two questions
    with pytest.raises(LedgerUnavailableError, match="moved"):
        house.follow()
    ledger.events = events  # type: ignore[method-assign]
    house.assert_copy_is_true()
    assert house.row(key_of(house, house.people[0])).granted_block == house.node.head()


# --------------------------------------------------------------------------------------------------- what is in force


def test_a_grant_in_a_dropped_block_is_not_in_force(on_node: NodeHouse) -> None:
    house, subject = on_node, on_node.people[0]
    house.grant(subject)
    house.step()
    house.node.mine(CONFIRMATIONS - 3)
    house.follow()
    assert house.row(key_of(house, subject)).granted_block is not None
    assert house.verdict(subject) == "NOT_FINAL", "seen, and not final yet"
    house.node.reorg(CONFIRMATIONS - 3)
    house.node.mine(CONFIRMATIONS * 2)
    house.follow()
    assert house.row(key_of(house, subject)).granted_block is None
    assert house.verdict(subject) == "NOT_FINAL"


def test_a_revocation_in_a_dropped_block_refuses_until_its_number_is_final_without_it(on_node: NodeHouse) -> None:
    house, subject = on_node, on_node.people[0]
    in_force(house, subject)
    revoke_without_us(house, subject)
    house.node.mine()
    house.follow()
    assert house.verdict(subject) == "REVOKED"
    block = house.node.head()
    house.node.reorg(1)
    for restart in (False, True, False):
        if restart:
            house.restart()
        house.follow()
        assert house.verdict(subject) == "REVOKED", "whoever moves the chain undoes no revocation"
        assert house.row(key_of(house, subject)).dropped_block == block
    house.node.mine(CONFIRMATIONS - 1)
    house.follow()
    assert house.verdict(subject) == "REVOKED", "one block too early"
    house.node.mine()
    assert house.follow().final.number == block
    assert house.verdict(subject) == "PERMIT", "it is not on the chain, and never will have been"
    house.assert_copy_is_true()


def test_a_revocation_that_came_and_went_between_two_processes_refuses_too(on_node: NodeHouse) -> None:
    house, subject = on_node, on_node.people[0]
    in_force(house, subject)
    revoke_without_us(house, subject)
    house.node.mine()
    house.follow()
    house.node.reorg(1)
    house.restart()
    house.follow()
    assert house.verdict(subject) == "REVOKED"


# ------------------------------------------------------------------------------------------------- what was final


@pytest.mark.parametrize("kept", [128, 8])
def test_when_a_block_that_was_final_is_gone_every_decision_is_refused_until_somebody_looked(
    on_node: NodeHouse, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(following, "KEPT_BLOCKS", kept)
    house, people = on_node, on_node.people[:3]
    in_force(house, *people)
    for _ in range(5):
        house.advance()
    house.node.reorg(CONFIRMATIONS + 1)
    for _ in range(2):
        assert not house.follow().matches
        assert {house.verdict(subject) for subject in people} == {"LEDGER_MISMATCH"}
        house.node.mine(2)
    house.restart()
    assert not house.follow().matches, "nor does another process believe it"
    house.stop(people[0])
    assert house.open.relayer.step(house.clock()) is None, "and nothing is sent there"
    house.open.rebuild(house.clock())
    assert house.follow().matches
    house.assert_copy_is_true()
    assert house.verdict(people[1]) in {"PERMIT", "NOT_FINAL"}


# ------------------------------------------------------------------------------------------------- exactly once


def test_what_a_reorg_dropped_is_sent_again_and_arrives_once(on_node: NodeHouse) -> None:
    house, people = on_node, on_node.people[:4]
    in_force(house, *people[:2])
    house.grant(*people[2:])
    house.stop(people[0])
    house.step()
    house.advance(3)
    assert house.state().outbox == 3, "not final"
    house.node.reorg(3)
    house.step()
    assert house.state().outbox == 3
    assert len(house.events()) == 2
    house.settle()
    assert set(house.count().values()) == {1}
    assert len(house.events()) == 5
    assert [house.verdict(subject) for subject in people] == ["STOPPED", *["PERMIT"] * 3]


def test_so_it_does_when_the_block_comes_back_meanwhile(on_node: NodeHouse) -> None:
    """Other nodes put dropped transactions back by themselves: sending again must not make them two."""
    house, subject = on_node, on_node.people[0]
    house.grant(subject)
    house.step()
    [sent] = house.node.waiting()
    raw = house.node.raw_transaction(sent)
    house.advance(2)
    house.node.reorg(2)
    house.node.rpc("eth_sendRawTransaction", "0x" + raw.hex())
    house.settle()
    assert [type(event) for event in house.events()] == [Granted]


class Walk:
    """Goes on at random, and knows what must be on the chain at the end."""

    def __init__(self, house: NodeHouse, seed: int) -> None:
        self.house, self.rng = house, random.Random(seed)
        self.young = 0
        self.models: list[bytes] = []

    def grant(self) -> None:
        """Let somebody grant."""
        self.house.grant(self.rng.choice(self.house.people))

    def stop(self) -> None:
        """Let somebody stop, without a key."""
        book = self.house.open.book
        running = [(s, e) for s in self.house.people for e in book.entries(s) if not e.stopped]
        if running:
            subject, entry = self.rng.choice(running)
            self.house.open.granting.stop(subject, [entry.id], self.house.clock())

    def revoke(self) -> None:
        """Stop with the patient's own signature."""
        book = self.house.open.book
        running = [(s, e) for s in self.house.people for e in book.entries(s) if not e.stopped]
        if running:
            subject, entry = self.rng.choice(running)
            own = self.house.wallets[subject].revoke(entry.commitment, self.house.open.domain)
            self.house.open.granting.stop(subject, [entry.id], self.house.clock(), revocations=[own])

    def release(self) -> None:
        """Queue what a release tells the registry: the one before is retired, this one is active."""
        model = self.rng.randbytes(32)
        with self.house.open.store.begin() as unit:
            if self.models:
                unit.model_acts.add(self.models[-1], ModelStatus.RETIRED)
            unit.model_acts.add(model, ModelStatus.ACTIVE, model)
        self.models.append(model)

    def mine(self) -> None:
        """Mine one block or some, or make all final."""
        blocks = self.rng.choice([1, 1, 1, 2, 5, CONFIRMATIONS])
        self.house.node.mine(blocks)
        self.young += blocks

    def reorg(self) -> None:
        """Replace blocks that are not final, as our copy knows and as the chain does."""
        deepest = min(DEEPEST, self.young)
        if deepest:
            self.house.node.reorg(self.rng.randint(1, deepest))

    def step(self) -> None:
        """Let the relayer take a step."""
        self.house.step()

    def later(self) -> None:
        """Let time pass, so that things are sent again, or dearer."""
        self.house.later(self.rng.choice([1, 11, 61]))

    def restart(self) -> None:
        """Let the ledger's process die."""
        self.house.restart()

    def go(self, steps: int) -> None:
        """Take so many acts at random; look at the copy after each that should not harm it."""
        acts: list[Callable[[], None]] = [self.grant, self.stop, self.revoke, self.mine, self.reorg, self.later]
        for _ in range(steps):
            act = self.rng.choice([*acts, self.restart, self.release, self.step, self.step, self.step])
            act()
            if act in (self.reorg, self.restart):
                self.house.assert_copy_is_true()


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(3, 40))])
def test_after_any_walk_each_consent_is_on_the_chain_once_and_the_copy_is_true(on_node: NodeHouse, seed: int) -> None:
    house = on_node
    walk = Walk(house, seed)
    walk.go(120)
    house.settle()
    house.assert_copy_is_true()
    expected = [ModelStatus.RETIRED] * (len(walk.models) - 1) + [ModelStatus.ACTIVE] * bool(walk.models)
    assert [house.open.projection.model_status(model) for model in walk.models] == expected
    count = house.count()
    for subject in house.people:
        for entry in house.open.book.entries(subject):
            granted, revoked = (count[kind.__name__, entry.commitment] for kind in (Granted, Revoked))
            assert revoked == entry.stopped
            assert granted == 1 or (granted == 0 and entry.stopped), "a stop may overtake its grant"
            assert house.row((entry.patient, entry.commitment)).dropped_block is None
    with house.open.store.reading() as unit:
        assert [sent for role in Role for sent in unit.transactions.pending(role)] == []
