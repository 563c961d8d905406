"""An installation's chain: made, opened by the one process that runs it, or read for an audit.

web3 and py-evm take a second to load, so the rest of the wiring imports this module where a chain is really meant.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from consent.adapters.chain_keys import ChainKeys
from consent.adapters.chain_store import only_process
from consent.adapters.embedded_chain import EmbeddedChain
from consent.adapters.json_rpc import Node
from consent.adapters.node_chain import NodeChain, connected
from consent.adapters.registries import Registries
from consent.domain.typed_data import SigningDomain
from consent.settings import Settings, SettingsError
from consent.wiring.clock import Clock, utc_now
from consent.wiring.places import Places, read_chain_keys, read_deployment, write_private


def made_chain(places: Places, clock: Clock) -> SigningDomain:
    """Return where signatures count: on the node's chain that was deployed to, or on an embedded one made now."""
    if places.deployment.exists():
        deployment = read_deployment(places.deployment)
        read_chain_keys(places)
        return SigningDomain(deployment.chain_id, deployment.registry.address)
    keys = ChainKeys.draw()
    write_private(places.chain_keys, json.dumps(keys.to_json()).encode())
    with EmbeddedChain.create(places.chain, keys, genesis_time=int(clock().timestamp())) as chain:
        return chain.domain


@contextmanager
def opened_chain(settings: Settings, keys: ChainKeys, clock: Clock = utc_now) -> Iterator[Registries]:
    """Open the chain of an installation with these keys, as the one process that does."""
    places = Places(settings.home, settings.databases)
    if not places.deployment.exists():
        with EmbeddedChain.open(places.chain, keys, lambda: int(clock().timestamp())) as chain:
            yield chain
        return
    if not settings.rpc:
        raise SettingsError("this installation is on a node's chain: set CONSENTRY_RPC to the node's URL")
    with only_process(places.home / "ledger.lock"):
        node = Node(connected(settings.rpc), keys.chain_id, settings.confirmations)
        yield NodeChain(node, keys, read_deployment(places.deployment))


@contextmanager
def audited_chain(places: Places, rpc: str, confirmations: int | None = 0) -> Iterator[Registries]:
    """Open an installation's chain to read it, beside the process that runs it or without one.

    `rpc` is the URL of the reader's node, where a node serves it.
    """
    if not places.deployment.exists():
        with EmbeddedChain.read_only(places.chain) as chain:
            yield chain
        return
    if not rpc:
        raise SettingsError("this installation is on a node's chain: name a node of your own with --rpc")
    deployment = read_deployment(places.deployment)
    yield NodeChain(Node(connected(rpc), deployment.chain_id, confirmations), None, deployment)
