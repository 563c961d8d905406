"""The two registries on any chain that a JSON-RPC node serves, through web3.

    chain = NodeChain.deploy(Web3(HTTPProvider(url)), keys)
    chain = NodeChain.attach(Web3(HTTPProvider(url)), keys, chain.deployment)

Thin: final is `confirmations` blocks behind the newest (0: the newest itself), a reorganisation is not followed and a
fee is not raised. Transactions are signed here with the operator's and the custodian's keys, whose addresses need gas:
up to 16,000,000 at twice the base fee plus the tip must be there for each.
"""

from typing import Final, Self

from web3 import Web3

from consent.adapters.chain_keys import ChainKeys, address_of
from consent.adapters.contract_calls import ContractCalls
from consent.adapters.json_rpc import Node
from consent.adapters.registries import Deployment, Registries
from consent.domain.errors import LedgerMismatchError
from consent.domain.hashing import keccak
from consent.domain.history import Event
from consent.domain.typed_data import word
from consent.ports import Head

PATIENCE_SECONDS: Final = 120.0
"""How long a write waits until its block is final, where nothing else is said."""


class NodeChain(Registries):
    """A `Ledger` on a node. Made by `deploy` or `attach`."""

    def __init__(self, node: Node, keys: ChainKeys, deployment: Deployment) -> None:
        node.require_chain()
        node.block(deployment.block)
        self._node = node
        self._keys = keys
        super().__init__(node, deployment)
        self._require_own()

    @classmethod
    def deploy(cls, web3: Web3, keys: ChainKeys, confirmations: int = 0, patience: float = PATIENCE_SECONDS) -> Self:
        """Deploy both registries on the chain of `keys` and return when that is final; keep its `deployment`."""
        node = Node(web3, keys.chain_id, confirmations, patience)
        node.require_chain()
        models, _ = node.deploy(keys.operator, ContractCalls("model_registry").creation())
        # The registry comes last: no event can be older than the deployment's block.
        creation = ContractCalls("consent_registry").creation(("address",), address_of(keys.custodian))
        registry, block = node.deploy(keys.operator, creation)
        codes = keccak(node.code(registry)), keccak(node.code(models))
        return cls(node, keys, Deployment(keys.chain_id, block, registry, codes[0], models, codes[1]))

    @classmethod
    def attach(
        cls,
        web3: Web3,
        keys: ChainKeys,
        deployment: Deployment,
        confirmations: int = 0,
        patience: float = PATIENCE_SECONDS,
    ) -> Self:
        """Go on with what was deployed.

        `LedgerMismatchError` on another chain, with other code at the addresses, or when they belong to other keys;
        `LedgerUnavailableError` while the deployment is not final.
        """
        return cls(Node(web3, keys.chain_id, confirmations, patience), keys, deployment)

    def events(self, first: int, last: int) -> list[Event]:
        """Return the registry's events of blocks `first` to `last`, both included, in log order."""
        if first > last:
            return []
        logs = self._node.logs(self.deployment.registry, max(first, self.deployment.block), last)
        events = (self._registry.event(log.block, log.topics, log.words) for log in logs)
        return [event for event in events if event is not None]

    def beat(self) -> Head:
        """Return the head: a node's chain lives by itself."""
        return self.head()

    def _held_keys(self) -> ChainKeys:
        return self._keys

    def _require_own(self) -> None:
        belongs = (
            self._keys.chain_id == self.deployment.chain_id
            and word(address_of(self._keys.operator)) == self._ask_models("owner")
            and word(address_of(self._keys.custodian)) == self._custodian()
        )
        if not belongs:
            raise LedgerMismatchError("this deployment was made with other keys: restore the keys that fit")
