"""A house whose ledger is a real node's chain, where the test makes the blocks.

with NodeHouse.built(anvil, tmp_path / "home", confirmations=25) as house:
    house.grant(house.people[0])
    house.advance(30)
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from consent import wiring
from consent.adapters.deployments import deployment_to_json
from consent.adapters.json_rpc import Node
from consent.adapters.node_chain import NodeChain, connected, deploy
from consent.domain.history import Event
from consent.domain.registry_replay import Key
from consent.ports import Ledger, ProjectedGrant, ProjectionHead, Store
from consent.services.anchoring import Anchoring
from consent.services.chain_copy import ChainCopy
from consent.services.following import LedgerFollower
from consent.services.relayer import Relayer
from consent.services.sending import RESEND_SECONDS, Sending
from consent.wiring import LedgerRoom, Places, write_private
from tests.anvil import Anvil
from tests.ledgers import keys_with_gas
from tests.services.house import Clock, House, created, settings_of

PATIENCE: Final = 2.0
"""Seconds that a node has to answer, after a restart of the services."""


@dataclass(slots=True)
class NodeHouse(House):
    """An open installation on a node's chain."""

    node: Anvil

    @classmethod
    @contextmanager
    def built(cls, node: Anvil, home: Path, confirmations: int, people: int = 8) -> Iterator[Self]:
        """Deploy to the node, make an installation there and open it; blocks come by `advance` from then on."""
        settings = replace(settings_of(home), rpc=node.url, confirmations=confirmations)
        keys, places = keys_with_gas(node.web3()), Places(home)
        places.operator.mkdir(parents=True)
        deployment = deploy(Node(connected(node.url), keys.chain_id), keys)
        write_private(places.chain_keys, json.dumps(keys.to_json()).encode())
        write_private(places.deployment, json.dumps(deployment_to_json(deployment)).encode())
        wallets, clock = created(settings, range(people)), Clock()
        node.set_automine(False)
        node.mine(confirmations)
        with wiring.opened_ledger(settings, clock) as room:
            yield cls(settings, clock, room, wallets, node)

    def advance(self, blocks: int = 1) -> None:
        """Mine, and take one step of the relayer."""
        self.node.mine(blocks)
        self.step()

    def step(self) -> None:
        """Take one step of the relayer, and take up what it stored."""
        self.open.relayer.step(self.clock())
        self.refresh()

    def later(self, seconds: int = RESEND_SECONDS + 1) -> None:
        """Let time pass, here and at the node."""
        self.clock.ahead += timedelta(seconds=seconds)
        self.node.pass_time(seconds)

    def settle(self) -> None:
        """Step and mine until nothing waits."""
        for _ in range(60):
            self.later()
            self.step()
            self.advance(1)
            self.advance((self.settings.confirmations or 0) + 1)
            with self.open.store.reading() as unit:
                if not unit.outbox.size() and not unit.model_acts.everything():
                    return
        raise AssertionError(f"{self.state().outbox} items, or what the model registry is told, still wait")

    def restart(self) -> None:
        """Let the ledger's process die, and another take over what is stored."""
        self.open = restarted(self.open, self.chain())

    def chain(self) -> NodeChain:
        """Return a new way to the chain."""
        ledger = self.open.ledger
        assert isinstance(ledger, NodeChain)
        node = Node(connected(self.node.url, PATIENCE), ledger.deployment.chain_id, self.settings.confirmations)
        return NodeChain(node, ledger._keys, ledger.deployment)

    def events(self) -> list[Event]:
        """Return the registry's events on the chain as it is now."""
        return list(self.open.ledger.events(0, self.open.ledger.head().number))

    def count(self) -> Counter[tuple[str, bytes]]:
        """Return how often each commitment was granted and revoked on the chain as it is now."""
        return Counter((type(event).__name__, event.commitment) for event in self.events())

    def row(self, key: Key) -> ProjectedGrant:
        """Return what our copy says of a commitment."""
        return self.open.projection.rows.get(key) or ProjectedGrant(*key)

    def assert_copy_is_true(self) -> None:
        """Compare our copy with one that is built anew, dropped revocations aside."""
        head = self.follow()
        assert head.matches
        copy = ChainCopy()
        copy.take(self.events(), self.open.ledger.model_changes(0, head.block.number))
        assert self.open.projection.models == copy.models(head.final.number)
        ours = {key: replace(row, dropped_block=None) for key, row in self.open.projection.rows.items()}
        assert ours == {key: copy.rows.get(key) or ProjectedGrant(*key) for key in ours}
        assert set(ours) >= set(self.open.book.keys()) & copy.rows.keys(), "what the chain is silent about has no row"
        assert head.block == self.open.ledger.head()
        with self.open.store.reading() as unit:
            for kept in unit.projection.kept():
                assert kept.block == self.open.ledger.block(kept.block.number)
                assert kept.history == self.open.ledger.history(kept.block.number)

    def head(self) -> ProjectionHead:
        """Return how far our copy goes."""
        assert self.open.projection.head is not None
        return self.open.projection.head


def restarted(room: LedgerRoom, ledger: Ledger, store: Store | None = None) -> LedgerRoom:
    """Return the room with new ledger services over the same store; what they had in memory is gone."""
    kept = store or room.store
    follower, sending = _follower(room, kept, ledger), Sending(kept, ledger)
    relayer = Relayer(kept, follower, sending, room.book, room.log, room.outbox, room.relayer.renewal)
    anchoring = Anchoring(kept, ledger, sending, room.log)
    return replace(room, ledger=ledger, follower=follower, relayer=relayer, anchoring=anchoring)


def _follower(room: LedgerRoom, store: Store, ledger: Ledger) -> LedgerFollower:
    return LedgerFollower(store, ledger, room.follower.seal, room.book, room.outbox)
