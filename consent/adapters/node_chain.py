"""The three contracts on any chain that a JSON-RPC node serves, through web3.

    deployment = deploy(Node(web3, keys.chain_id), keys)
    chain = NodeChain(Node(web3, keys.chain_id, confirmations=12), keys, deployment)

Transactions are signed here with the keys of the four roles, whose addresses need gas where the chain takes any.
"""

import time
from typing import Final

from web3 import HTTPProvider, Web3
from web3.middleware import ExtraDataToPOAMiddleware

from consent.adapters.chain_keys import ChainKeys
from consent.adapters.contract_calls import calls_of
from consent.adapters.deployments import HOLDERS, Deployed, Deployment
from consent.adapters.json_rpc import Node
from consent.adapters.registries import PATIENCE_SECONDS, Registries
from consent.domain.errors import LedgerMismatchError, LedgerRejectedError, LedgerUnavailableError
from consent.domain.hashing import keccak
from consent.domain.nesting import limit_nesting
from consent.domain.typed_data import Address
from consent.ports import Fate, Head, Role

limit_nesting()

REQUEST_SECONDS: Final = 10.0
"""How long a node may take to answer before it counts as unavailable."""
_POLL_SECONDS: Final = 0.1


def connected(url: str, seconds: float = REQUEST_SECONDS) -> Web3:
    """Return the way to a node; nothing is asked of it yet."""
    # Without retries: the ledger's process asks again by itself, and says meanwhile that the chain is away.
    web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": seconds}, exception_retry_configuration=None))
    # Proof-of-authority networks put more into a header's extra field than web3 takes; it changes nothing elsewhere.
    web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    return web3


class NodeChain(Registries):
    """A `Ledger` on a node; `patience` is for `send` alone, in seconds.

    `LedgerMismatchError` on another chain, with other code at the addresses, or when their roles belong to other keys.
    """

    def __init__(
        self, node: Node, keys: ChainKeys | None, deployment: Deployment, patience: float = PATIENCE_SECONDS
    ) -> None:  # fmt: skip
        node.require_chain()
        super().__init__(node, deployment)
        self._keys = keys
        self._patience = patience
        if keys is not None:
            self._require_own(keys)

    def beat(self) -> Head:
        """Return the head: a node's chain lives by itself."""
        return self.head()

    def _held_keys(self) -> ChainKeys:
        if self._keys is None:
            raise LedgerRejectedError("this chain is open for reading only: write in the process that holds its keys")
        return self._keys


def deploy(node: Node, keys: ChainKeys, patience: float = PATIENCE_SECONDS) -> Deployment:
    """Deploy the three contracts with the operator's key, and return when each is mined and stands there."""
    node.require_chain()
    blocks, places = [], []
    for name, role in HOLDERS.items():
        address, block = _deployed(node, keys, calls_of(name).creation(("address",), keys.address(role)), patience)
        places.append(Deployed(address, keccak(node.code(address))))
        blocks.append(block)
    return Deployment(keys.chain_id, blocks[0], *places)


def _deployed(node: Node, keys: ChainKeys, creation: bytes, patience: float) -> tuple[Address, int]:
    sender, nonce = keys.address(Role.OPERATOR), node.nonce(keys.address(Role.OPERATOR))
    raw = node.signed(keys.operator, None, creation, nonce)
    node.submit(raw)
    deadline = time.monotonic() + patience
    while (fate := node.outcome(keccak(raw), sender, nonce).fate) is Fate.WAITING:
        if time.monotonic() > deadline:
            raise LedgerUnavailableError("a deployment is not mined yet: look for it before deploying again")
        time.sleep(_POLL_SECONDS)
    if fate is not Fate.MINED:
        raise LedgerMismatchError("a contract could not be deployed: this chain's rules are not those it was built for")
    return node.deployed(keccak(raw))
