"""A node behind JSON-RPC as a chain of blocks; knows nothing of consent.

Final is what lies `confirmations` blocks behind the newest one: with 0, the newest block itself. Sent once and waited
for: a reorganisation is not followed and a fee is not raised. The chain has EIP-1559 fees; to a proof-of-authority
network's `Web3` its owner adds web3's `ExtraDataToPOAMiddleware`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from eth_tester.exceptions import TransactionFailed
from eth_utils.address import to_checksum_address
from eth_utils.exceptions import ValidationError
from web3 import Web3
from web3.exceptions import ContractLogicError, Web3Exception, Web3RPCError
from web3.types import BlockIdentifier, LogReceipt, TxParams, TxReceipt, Wei

from consent.adapters.chain_keys import address_of
from consent.adapters.contract_calls import NO_REASON, TRANSACTION_GAS, UNKNOWN_ANSWER
from consent.domain.errors import LedgerMismatchError, LedgerRejectedError, LedgerUnavailableError
from consent.domain.typed_data import Address
from consent.ports import Head, Mined

_LOG_BLOCKS: Final = 1000
"""Blocks asked of in one eth_getLogs: Besu's first default limit, the smallest that nodes of one's own come with."""
_POLL_SECONDS: Final = 0.1
_REVERTED: Final = "execution reverted"
_SUCCESS: Final = 1


@dataclass(frozen=True, slots=True)
class Log:
    """One event of a contract: its block, topics of 32 bytes, and the words that are no topics."""

    block: Head
    topics: tuple[bytes, ...]
    words: bytes


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        web3: the way to it; its own accounts are never used.
        chain_id: of the chain that it must be on (EIP-155).
        confirmations: how many blocks final ones lie behind the newest.
        patience: seconds that a transaction may take to be in a final block.
    """

    web3: Web3
    chain_id: int
    confirmations: int
    patience: float

    def require_chain(self) -> None:
        """Raise `LedgerMismatchError` when the node is on another chain."""
        with _translated():
            if self.web3.eth.chain_id != self.chain_id:
                raise LedgerMismatchError("the node is on another chain: connect to the right one")

    def head(self) -> Head:
        """Return the newest final block; block 0 is final from the start."""
        return self._block(self._final())

    def block(self, number: int) -> Head:
        """Return the final block with this number; `LedgerUnavailableError` while there is none."""
        self._require_final(number)
        return self._block(number)

    def code(self, address: Address) -> bytes:
        """Return the code that runs at an address, empty when there is none."""
        with _translated():
            return bytes(self.web3.eth.get_code(to_checksum_address(address)))

    def call(self, to: Address, call_data: bytes, block: int) -> bytes:
        """Return what a contract answers in the state after a final block; nothing is written."""
        self._require_final(block)
        return self._dry_run({"to": to_checksum_address(to), "data": call_data}, block)

    def logs(self, contract: Address, first: int, last: int) -> list[Log]:
        """Return what a contract announced in the final blocks `first` to `last`, both included, in log order."""
        self._require_final(last)
        found = [log for start in range(first, last + 1, _LOG_BLOCKS) for log in self._logs(contract, start, last)]
        with _translated():
            found.sort(key=lambda log: (log["blockNumber"], log["logIndex"]))
            blocks = {number: self._block(number) for number in {log["blockNumber"] for log in found}}
            return [
                Log(blocks[log["blockNumber"]], tuple(bytes(topic) for topic in log["topics"]), bytes(log["data"]))
                for log in found
            ]

    def send(self, key: bytes, to: Address, call_data: bytes) -> Mined:
        """Sign one transaction with `key`, send it and return when its block is final.

        `LedgerRejectedError` with the contract's reason when the contract refuses it, mostly before it is sent. After
        `LedgerUnavailableError` it may still land: look for its event before sending it again.
        """
        receipt = self._sent(key, {"to": to_checksum_address(to), "data": call_data})
        return Mined(bytes(receipt["transactionHash"]), receipt["blockNumber"], receipt["gasUsed"])

    def deploy(self, key: bytes, creation: bytes) -> tuple[Address, int]:
        """Deploy a contract with `key`; return its address and the number of its block, which is final."""
        receipt = self._sent(key, {"data": creation})
        address = receipt["contractAddress"]
        if address is None:
            raise LedgerMismatchError(UNKNOWN_ANSWER)
        return Address(bytes.fromhex(address.removeprefix("0x"))), receipt["blockNumber"]

    def _sent(self, key: bytes, call: TxParams) -> TxReceipt:
        transaction: TxParams = {**call, "from": to_checksum_address(address_of(key)), "gas": TRANSACTION_GAS}
        # A node takes a transaction that is bound to fail, and its sender pays: ask first what would come of it.
        self._dry_run(transaction, "latest")
        with _translated():
            sent = self.web3.eth.send_raw_transaction(self._signed(key, transaction))
            receipt = self.web3.eth.wait_for_transaction_receipt(sent, self.patience, _POLL_SECONDS)
        if receipt["status"] != _SUCCESS:
            self._dry_run(transaction, receipt["blockNumber"])
            raise LedgerRejectedError("the contract refused this call when its block was made")
        self._await_final(receipt["blockNumber"])
        return receipt

    def _signed(self, key: bytes, transaction: TxParams) -> bytes:
        """Return a signed transaction (EIP-1559). Its nonce follows what is mined: one of a key waits at a time."""
        eth = self.web3.eth
        tip = eth.max_priority_fee
        whole: TxParams = {
            **transaction,
            "type": 2,
            "chainId": self.chain_id,
            "nonce": eth.get_transaction_count(to_checksum_address(address_of(key)), "latest"),
            "maxPriorityFeePerGas": tip,
            "maxFeePerGas": Wei(2 * eth.get_block("latest")["baseFeePerGas"] + tip),
            "value": Wei(0),
        }
        return bytes(eth.account.sign_transaction(whole, key).raw_transaction)

    def _await_final(self, block: int) -> None:
        deadline = time.monotonic() + self.patience
        while self._final() < block:
            if time.monotonic() > deadline:
                raise LedgerUnavailableError("a transaction is not final yet: look for it before sending it again")
            time.sleep(_POLL_SECONDS)

    def _dry_run(self, transaction: TxParams, block: BlockIdentifier) -> bytes:
        """Return what a transaction would answer after `block`, or raise `LedgerRejectedError` as it would."""
        with _translated():
            # CCIP read (EIP-3668) would let a contract send us to an address on the web.
            return bytes(self.web3.eth.call(transaction, block, ccip_read_enabled=False))

    def _logs(self, contract: Address, start: int, last: int) -> list[LogReceipt]:
        end = min(start + _LOG_BLOCKS - 1, last)
        with _translated():
            return self.web3.eth.get_logs(
                {"address": to_checksum_address(contract), "fromBlock": start, "toBlock": end}
            )

    def _final(self) -> int:
        with _translated():
            return max(0, self.web3.eth.block_number - self.confirmations)

    def _require_final(self, number: int) -> None:
        if number > self._final():
            raise LedgerUnavailableError("the chain has no final block of this number yet")

    def _block(self, number: int) -> Head:
        with _translated():
            block = self.web3.eth.get_block(number)
            return Head(block["number"], bytes(block["hash"]), block["timestamp"])


@contextmanager
def _translated() -> Iterator[None]:
    """Translate what web3, its transport and eth-tester raise, once."""
    try:
        yield
    except (Web3Exception, TransactionFailed, ValidationError, OSError) as error:
        said = _said(error)
        if said.lower().startswith(_REVERTED):
            raise LedgerRejectedError(said[len(_REVERTED) :].strip(": ()") or NO_REASON) from error
        raise LedgerUnavailableError("the node did not answer, or did not take this: see the cause") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LedgerMismatchError("the node answers what this version does not know: see the cause") from error


def _said(error: Exception) -> str:
    """Return the node's message.

    web3 calls more a contract's refusal than is one, a refusal for too many requests among them, and prefixes it as
    one when `data` is an object. Whoever believes that drops what a patient signed.
    """
    match error:
        case ContractLogicError(data=dict()):
            return ""
        case ContractLogicError(message=str(message)):
            return message
        case Web3RPCError(rpc_response={"error": {"message": str(message)}}):
            return message
        case TransactionFailed(args=(message,)):
            return str(message)
    return ""
