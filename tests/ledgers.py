"""Every ledger that the port's sentences are said about. Another node is one more line of `LEDGERS`."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from eth_tester import EthereumTester, PyEVMBackend
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from web3 import EthereumTesterProvider, Web3
from web3.types import Wei

from consent.adapters.chain_keys import ChainKeys
from consent.adapters.deployments import Deployment
from consent.adapters.embedded_chain import EmbeddedChain
from consent.adapters.json_rpc import Node
from consent.adapters.node_chain import NodeChain, deploy
from consent.ports import Ledger, Role
from tests.anvil import Anvil
from tests.fake_ledger import FakeLedger

DAY: Final = 86_400
ENOUGH_WEI: Final = Wei(10**20)


@dataclass(frozen=True, slots=True)
class Installed:
    """A ledger and the keys that it was made with."""

    ledger: Ledger
    keys: ChainKeys


def eth_tester() -> Web3:
    """Return the way to a new eth-tester: a real EVM behind the JSON-RPC methods."""
    return Web3(EthereumTesterProvider(EthereumTester(PyEVMBackend())))


def keys_with_gas(web3: Web3, keys: ChainKeys | None = None) -> ChainKeys:
    """Return keys (drawn, when none are given) for the node's chain, with gas from the node's own first account."""
    fitting = replace(keys or ChainKeys.draw(), chain_id=web3.eth.chain_id)
    for role in Role:
        rich: ChecksumAddress = web3.eth.accounts[0]
        address = to_checksum_address(fitting.address(role))
        web3.eth.send_transaction({"from": rich, "to": address, "value": ENOUGH_WEI})
    return fitting


def deployed(web3: Web3, keys: ChainKeys, confirmations: int | None = 0, patience: float = 5) -> NodeChain:
    """Return the contracts on a node's chain, deployed now."""
    node = Node(web3, keys.chain_id, confirmations)
    return NodeChain(node, keys, deploy(node, keys, patience), patience)


def attached(
    web3: Web3, keys: ChainKeys, deployment: Deployment, confirmations: int | None = 0, patience: float = 5
) -> NodeChain:
    """Return the contracts on a node's chain that were deployed before."""
    return NodeChain(Node(web3, keys.chain_id, confirmations), keys, deployment, patience)


@contextmanager
def embedded(folder: Path, keys: ChainKeys) -> Iterator[Installed]:
    """Yield an embedded chain."""
    with EmbeddedChain.create(folder / "chain.sqlite", keys, int(time.time()) - DAY) as chain:
        yield Installed(chain, keys)


@contextmanager
def on_tester(_: Path, keys: ChainKeys) -> Iterator[Installed]:
    """Yield a node's chain that eth-tester serves."""
    web3 = eth_tester()
    fitting = keys_with_gas(web3, keys)
    yield Installed(deployed(web3, fitting), fitting)


@contextmanager
def on_anvil(folder: Path, keys: ChainKeys) -> Iterator[Installed]:
    """Yield the chain of a real node."""
    with Anvil(folder) as node:
        fitting = keys_with_gas(node.web3(), keys)
        yield Installed(deployed(node.web3(), fitting), fitting)


@contextmanager
def in_memory(_: Path, keys: ChainKeys) -> Iterator[Installed]:
    """Yield the reference: no chain at all, but the contracts' twins."""
    yield Installed(FakeLedger(keys, lambda: int(time.time())), keys)


LEDGERS: Final[dict[str, Callable[[Path, ChainKeys], AbstractContextManager[Installed]]]] = {
    "twin": in_memory,
    "embedded": embedded,
    "eth-tester": on_tester,
    "anvil": on_anvil,
}
