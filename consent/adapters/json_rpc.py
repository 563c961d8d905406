"""A node behind JSON-RPC as a chain of blocks; knows nothing of consent.

Final is what the node calls finalized, or what lies `confirmations` blocks behind the newest one. What is above may be
replaced by other blocks between two questions; whoever asks several compares block hashes. The chain has EIP-1559 fees;
to a proof-of-authority network's `Web3` its owner adds web3's `ExtraDataToPOAMiddleware`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_tester.exceptions import BlockNotFound as TesterBlockNotFound
from eth_tester.exceptions import TransactionFailed
from eth_utils.address import to_checksum_address
from eth_utils.exceptions import ValidationError
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3Exception, Web3RPCError
from web3.types import BlockIdentifier, LogReceipt, TxParams, Wei

from consent.adapters.contract_calls import NO_REASON, TRANSACTION_GAS, UNKNOWN_ANSWER, Log
from consent.domain.errors import LedgerMismatchError, LedgerRejectedError, LedgerUnavailableError
from consent.domain.nesting import limit_nesting
from consent.domain.typed_data import Address
from consent.ports import Fate, Head, Mined, Outcome

limit_nesting()

_LOG_BLOCKS: Final = 1000
"""Blocks asked of in one eth_getLogs: Besu's first default limit, the smallest that nodes of one's own come with."""
_REVERTED: Final = "execution reverted"
_SUCCESS: Final = 1
_EIGHTH: Final = 8
"""Nodes take a transaction in another's place when it offers a tenth more; we offer an eighth."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        web3: the way to it; its own accounts are never used.
        chain_id: of the chain that it must be on (EIP-155).
        confirmations: how many blocks final ones lie behind the newest; None for what the node calls finalized.
    """

    web3: Web3
    chain_id: int
    confirmations: int | None = 0

    def require_chain(self) -> None:
        """Raise `LedgerMismatchError` when the node is on another chain."""
        with _translated():
            if self.web3.eth.chain_id != self.chain_id:
                raise LedgerMismatchError("the node is on another chain: connect to the right one")

    def chain_on(self) -> int:
        """Return the id of the chain that the node is on."""
        with _translated():
            return int(self.web3.eth.chain_id)

    def head(self) -> Head:
        """Return the newest block."""
        return self._block("latest")

    def final(self) -> Head:
        """Return the newest final block; block 0 is final from the start."""
        if self.confirmations is None:
            return self._block("finalized")
        with _translated():
            number = max(0, self.web3.eth.block_number - self.confirmations)
        return self._block(number)

    def block(self, number: int) -> Head:
        """Return the block with this number; `LedgerUnavailableError` while there is none."""
        return self._block(number)

    def code(self, address: Address) -> bytes:
        """Return the code that runs at an address, empty when there is none."""
        with _translated():
            return bytes(self.web3.eth.get_code(to_checksum_address(address)))

    def call(self, to: Address, call_data: bytes, block: int) -> bytes:
        """Return what a contract answers in the state after a block; nothing is written."""
        return self._dry_run({"to": to_checksum_address(to), "data": call_data}, block)

    def logs(self, contract: Address, first: int, last: int) -> list[Log]:
        """Return what a contract announced in blocks `first` to `last`, both included, in log order."""
        self._block(last)
        found = [log for start in range(first, last + 1, _LOG_BLOCKS) for log in self._logs(contract, start, last)]
        with _translated():
            found.sort(key=lambda log: (log["blockNumber"], log["logIndex"]))
            blocks = {log["blockNumber"]: self._block(log["blockNumber"]) for log in _first_of_each_block(found)}
            return [
                Log(blocks[log["blockNumber"]], tuple(bytes(topic) for topic in log["topics"]), bytes(log["data"]))
                for log in found
            ]

    def nonce(self, sender: Address) -> int:
        """Return how many transactions of a sender are mined."""
        with _translated():
            return self.web3.eth.get_transaction_count(to_checksum_address(sender), "latest")

    def dry_run(self, sender: Address, to: Address, call_data: bytes, gas: int) -> None:
        """Raise `LedgerRejectedError` when the contract would refuse this now: a node takes it all the same, and the
        sender pays.
        """  # noqa: D205  # one sentence
        call: TxParams = {"to": to_checksum_address(to), "data": call_data, "gas": gas}
        self._dry_run({**call, "from": to_checksum_address(sender)}, "latest")

    def signed(
        self, key: bytes, to: Address | None, call_data: bytes, nonce: int, gas: int = TRANSACTION_GAS
    ) -> bytes:  # fmt: skip
        """Return a signed transaction as bytes (EIP-1559), with the fee that the chain asks now; no `to` deploys."""
        tip, most = self._fees()
        whole: TxParams = {
            "type": 2,
            "chainId": self.chain_id,
            "nonce": cast("Any", nonce),
            "gas": gas,
            "maxPriorityFeePerGas": tip,
            "maxFeePerGas": most,
            "value": Wei(0),
            "data": call_data,
        }
        if to is not None:
            whole["to"] = to_checksum_address(to)
        with _translated():
            return bytes(self.web3.eth.account.sign_transaction(whole, key).raw_transaction)

    def raised(self, key: bytes, raw: bytes) -> bytes:
        """Return the same transaction with a fee that is an eighth higher, or what the chain asks now if more."""
        tip, most = self._fees()
        with _translated():
            old: dict[str, Any] = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
            kept = {name: old[name] for name in ("type", "chainId", "nonce", "gas", "value", "data", "to")}
            fees = {
                "maxPriorityFeePerGas": max(tip, _an_eighth_more(old["maxPriorityFeePerGas"])),
                "maxFeePerGas": max(most, _an_eighth_more(old["maxFeePerGas"])),
            }
            return bytes(self.web3.eth.account.sign_transaction(kept | fees, key).raw_transaction)

    def submit(self, raw: bytes) -> None:
        """Send a transaction; one that the node has already, or whose nonce is used, is left as it is.

        `LedgerUnavailableError` when the node does not take it.
        """
        try:
            with _translated():
                self.web3.eth.send_raw_transaction(raw)
        except (LedgerUnavailableError, LedgerRejectedError):
            if not self._is_known(raw):
                raise

    def outcome(self, transaction: bytes, sender: Address, nonce: int) -> Outcome:
        """Say what became of the transaction with this hash."""
        found = self._in_block(transaction)
        # A block may come between the questions, and anvil counts it before it answers for it: what a node has, waits.
        if found is None and self._is_used(sender, nonce) and not self._has(transaction):
            return Outcome(Fate.REPLACED)
        return found or Outcome(Fate.WAITING)

    def _in_block(self, transaction: bytes) -> Outcome | None:
        with _translated(), suppress(TransactionNotFound):
            receipt = self.web3.eth.get_transaction_receipt(HexBytes(transaction))
            mined = Mined(transaction, receipt["blockNumber"], receipt["gasUsed"])
            return Outcome(Fate.MINED if receipt["status"] == _SUCCESS else Fate.FAILED, mined)
        return None

    def _is_used(self, sender: Address, nonce: int) -> bool:
        """Say whether a final block holds a sender's transaction with this nonce."""
        final = self.final().number
        with _translated():
            return self.web3.eth.get_transaction_count(to_checksum_address(sender), final) > nonce

    def deployed(self, transaction: bytes) -> tuple[Address, int]:
        """Return the address that a mined transaction deployed to, and its block."""
        with _translated():
            receipt = self.web3.eth.get_transaction_receipt(HexBytes(transaction))
        address = receipt["contractAddress"]
        if address is None:
            raise LedgerMismatchError(UNKNOWN_ANSWER)
        return Address(bytes.fromhex(address.removeprefix("0x"))), receipt["blockNumber"]

    def balance(self, address: Address) -> int:
        """Return how many wei an address holds."""
        with _translated():
            return self.web3.eth.get_balance(to_checksum_address(address))

    def fund(self, key: bytes, heir: Address) -> None:
        """Raise `LedgerUnavailableError` when an address cannot pay for gas: its owner must see to that."""
        del key
        if self.balance(heir) < TRANSACTION_GAS * self.fee():
            raise LedgerUnavailableError(f"0x{heir.hex()} holds too little for gas: fund it, then try again")

    def fee(self) -> int:
        """Return how many wei a unit of gas costs at most, were it sent now."""
        return self._fees()[1]

    def _fees(self) -> tuple[Wei, Wei]:
        """Return the tip that the node suggests, and twice the base fee with it: enough for six full blocks."""
        with _translated():
            tip = self.web3.eth.max_priority_fee
            return tip, Wei(2 * self.web3.eth.get_block("latest")["baseFeePerGas"] + tip)

    def _has(self, transaction: bytes) -> bool:
        """Say whether the node has a transaction in a block or waiting."""
        with _translated(), suppress(TransactionNotFound):
            return bool(self.web3.eth.get_transaction(HexBytes(transaction)))
        return False

    def _is_known(self, raw: bytes) -> bool:
        """Say whether the node has a transaction in a block or waiting, or another took its nonce."""
        with _translated():
            old = TypedTransaction.from_bytes(HexBytes(raw))
            if self._has(Web3.keccak(raw)):
                return True
            sender = self.web3.eth.account.recover_transaction(raw)
            used: int = self.web3.eth.get_transaction_count(sender, "latest")
            return used > int(old.as_dict()["nonce"])

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

    def _block(self, which: BlockIdentifier) -> Head:
        with _translated():
            block = self.web3.eth.get_block(which)
            return Head(block["number"], bytes(block["hash"]), block["timestamp"])


def _first_of_each_block(logs: list[LogReceipt]) -> list[LogReceipt]:
    return list({log["blockNumber"]: log for log in reversed(logs)}.values())


def _an_eighth_more(wei: int) -> int:
    return wei + wei // _EIGHTH + 1


@contextmanager
def _translated() -> Iterator[None]:
    """Translate what web3, its transport and eth-tester raise, once."""
    try:
        yield
    except (Web3Exception, TransactionFailed, TesterBlockNotFound, ValidationError, OSError) as error:
        said = _said(error)
        if said.lower().startswith(_REVERTED):
            raise LedgerRejectedError(said[len(_REVERTED) :].strip(": ()") or NO_REASON) from error
        raise LedgerUnavailableError("the node did not answer, or did not take this: see the cause") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        # A proxy's error page, for one: it may be gone the next time.
        raise LedgerUnavailableError("the node answers what this version does not know: see the cause") from error


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
