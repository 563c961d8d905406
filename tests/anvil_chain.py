"""anvil as the chain of a stage: what the embedded EVM is measured with, a real node is, byte for byte."""

import time
from collections.abc import Callable

from consent.adapters.chain_keys import address_of
from consent.adapters.contract_calls import Log
from consent.adapters.json_rpc import Node
from consent.domain.errors import LedgerRejectedError
from consent.domain.hashing import keccak
from consent.domain.typed_data import Address
from consent.ports import Fate, Head, Mined
from tests.anvil import Anvil
from tests.chains import CHAIN_ID, START

ENOUGH_WEI = 10**24


class AnvilChain:
    """One node with nobody else on it; each transaction is one block, at the clock's second."""

    def __init__(self, node: Anvil, senders: tuple[Address, ...], clock: Callable[[], int]) -> None:
        self._anvil, self._clock = node, clock
        self._node = Node(node.web3(), CHAIN_ID)
        for sender in senders:
            node.set_balance(sender, ENOUGH_WEI)

    @staticmethod
    def options() -> tuple[str, ...]:
        """Return what anvil is started with."""
        return ("--timestamp", str(START - 2))

    def send(self, key: bytes, to: Address | None, call_data: bytes) -> Mined:
        """Mine one transaction; raise `LedgerRejectedError` when the contract refuses it."""
        self._anvil.set_time(max(self._clock(), self.head().time + 1))
        sender = address_of(key)
        nonce = self._node.nonce(sender)
        raw = self._node.signed(key, to, call_data, nonce)
        self._node.submit(raw)
        while (outcome := self._node.outcome(keccak(raw), sender, nonce)).fate is Fate.WAITING:
            time.sleep(0.002)
        if outcome.mined is None or outcome.fate is not Fate.MINED:
            raise LedgerRejectedError("the contract refused this call")
        return outcome.mined

    def call(self, to: Address, call_data: bytes, block: int) -> bytes:
        """Return what a contract answers after a block."""
        return self._node.call(to, call_data, block)

    def logs(self, contract: Address, first: int, last: int) -> list[Log]:
        """Return what a contract announced."""
        return self._node.logs(contract, first, last)

    def head(self) -> Head:
        """Return the newest block."""
        return self._node.head()

    def block(self, number: int) -> Head:
        """Return a block."""
        return self._node.block(number)
