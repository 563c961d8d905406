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

from consent.adapters.chain_keys import ChainKeys, address_of
from consent.adapters.embedded_chain import EmbeddedChain
from consent.adapters.node_chain import NodeChain
from consent.ports import Ledger

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
    for address in (address_of(fitting.operator), address_of(fitting.custodian)):
        rich: ChecksumAddress = web3.eth.accounts[0]
        web3.eth.send_transaction({"from": rich, "to": to_checksum_address(address), "value": ENOUGH_WEI})
    return fitting


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
    yield Installed(NodeChain.deploy(web3, fitting), fitting)


LEDGERS: Final[dict[str, Callable[[Path, ChainKeys], AbstractContextManager[Installed]]]] = {
    "embedded": embedded,
    "node": on_tester,
}
