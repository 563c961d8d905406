"""py-evm as a chain of blocks with at most one transaction each, over a `ChainStore`; knows nothing of consent.

The rules are those of the Prague fork under proof of stake. While py-evm builds a block it writes in many places
(`eth.chains.base.MiningChain.mine_all`); the store keeps all of that or nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Self

import rlp
from eth.abc import BlockHeaderAPI, SignedTransactionAPI, TransactionBuilderAPI
from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.exceptions import CanonicalHeadNotFound, HeaderNotFound, Revert, TransactionNotFound, VMError
from eth.vm.forks import PragueVM
from eth.vm.interrupt import EVMMissingData
from eth.vm.spoof import SpoofTransaction
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_keys.datatypes import PrivateKey
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException
from trie.exceptions import MissingTrieNode

from consent.adapters.chain_keys import address_of
from consent.adapters.chain_store import ChainStore
from consent.adapters.contract_calls import NO_REASON, TRANSACTION_GAS, Log
from consent.domain.errors import LedgerMismatchError, LedgerRejectedError, LedgerUnavailableError
from consent.domain.hashing import keccak
from consent.domain.nesting import limit_nesting
from consent.domain.typed_data import Address
from consent.ports import Fate, Head, Mined, Outcome

limit_nesting()

BLOCK_GAS: Final = 30_000_000

_WEI: Final = 10**27
"""What each sender holds from the start: gas for more blocks than will ever be."""
_MAX_FEE: Final = 10**12
"""Wei a unit of gas that senders offer at most; the base fee begins at a thousandth of it and falls."""
_NOBODY: Final = Address(bytes(20))
_ERROR_SELECTOR: Final = bytes.fromhex("08c379a0")
"""Of `Error(string)`, which holds a revert's reason (Solidity ABI)."""


class Evm:
    """A chain whose blocks are final as soon as they are kept."""

    def __init__(self, store: ChainStore, chain_id: int, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        with _translated():
            self._chain = _chain_class(chain_id)(AtomicDB(store))

    @classmethod
    def from_genesis(
        cls,
        store: ChainStore,
        chain_id: int,
        senders: tuple[Address, ...],
        time: int,
        clock: Callable[[], int],
    ) -> Self:
        """Start a chain at block 0 of Unix second `time`, where each of `senders` can pay for gas."""
        rich = {sender: {"balance": _WEI, "nonce": 0, "code": b"", "storage": {}} for sender in senders}
        header = {"timestamp": time, "gas_limit": BLOCK_GAS, "difficulty": 0}
        _chain_class(chain_id).from_genesis(AtomicDB(store), header, rich)
        return cls(store, chain_id, clock)

    def head(self) -> Head:
        """Return the newest block."""
        with _translated():
            return _head(self._chain.get_canonical_head())

    def block(self, number: int) -> Head:
        """Return the block with this number; `LedgerUnavailableError` when the chain is not that long yet."""
        return _head(self._header(number))

    def final(self) -> Head:
        """Return the newest block: nothing replaces it."""
        return self.head()

    def logs(self, contract: Address, first: int, last: int) -> list[Log]:
        """Return what a contract announced in blocks `first` to `last`, both included, in order."""
        return [log for number in range(first, last + 1) for log in self._logs(contract, self._header(number))]

    def _logs(self, contract: Address, header: BlockHeaderAPI) -> Iterator[Log]:
        if not header.bloom:  # an empty block, as most of an idle chain are
            return
        block = _head(header)
        with _translated():
            receipts = self._chain.chaindb.get_receipts(header, PragueVM.get_receipt_builder())
        for receipt in receipts:
            for log in receipt.logs:
                if log.address == contract:
                    yield Log(block, tuple(topic.to_bytes(32) for topic in log.topics), log.data)

    def code(self, address: Address) -> bytes:
        """Return the code that runs at an address."""
        with _translated():
            code: bytes = self._chain.get_vm(self._chain.get_canonical_head()).state.get_code(address)
            return code

    def call(self, to: Address, call_data: bytes, block: int) -> bytes:
        """Return what a contract answers in the state after `block`; nothing is written."""
        header = self._header(block)
        with _translated():
            unsigned = self._chain.create_unsigned_transaction(
                nonce=0, gas_price=0, gas=TRANSACTION_GAS, to=to, value=0, data=call_data
            )
            spoofed = SpoofTransaction(unsigned, from_=_NOBODY)
            output: bytes = self._chain.get_transaction_result(spoofed, header)
            return output

    def nonce(self, sender: Address) -> int:
        """Return how many transactions of a sender the chain holds."""
        with _translated():
            nonce: int = self._chain.get_vm(self._chain.get_canonical_head()).state.get_nonce(sender)
            return nonce

    def fund(self, key: bytes, heir: Address) -> None:
        """Give an address half of what `key` has: from 10^27 wei on, that can be done some twenty times."""
        sender = address_of(key)
        with _translated():
            held: int = self._chain.get_vm(self._chain.get_canonical_head()).state.get_balance(sender)
        self.submit(self.signed(key, heir, b"", self.nonce(sender), value=held // 2))

    def signed(
        self,
        key: bytes,
        to: Address | None,
        call_data: bytes,
        nonce: int,
        gas: int = TRANSACTION_GAS,
        value: int = 0,
    ) -> bytes:  # fmt: skip
        """Return a signed transaction as bytes (EIP-1559); no `to` deploys."""
        with _translated():
            unsigned = _builder().new_unsigned_dynamic_fee_transaction(
                chain_id=self._chain.chain_id,
                nonce=nonce,
                max_priority_fee_per_gas=0,
                max_fee_per_gas=_MAX_FEE,
                gas=gas,
                to=to or b"",
                value=value,
                data=call_data,
                access_list=(),
            )
            encoded: bytes = unsigned.as_signed_transaction(PrivateKey(key)).encode()
            return encoded

    def submit(self, raw: bytes) -> Mined | None:
        """Mine one transaction and return when the store holds its block; None when its nonce is used already.

        `LedgerRejectedError` with the contract's reason when it fails, which leaves no block.
        """
        with _translated():
            transaction: SignedTransactionAPI = _builder().decode(raw)
            if transaction.nonce < self.nonce(Address(transaction.sender)):
                return None
        with self._one_block(), _translated():
            (result, (receipt,), (computation,)) = self._chain.mine_all([transaction])
            if computation.is_error:
                raise LedgerRejectedError(_reason(computation.error))
        return Mined(transaction.hash, result.imported_block.number, receipt.gas_used)

    def dry_run(self, sender: Address, to: Address, call_data: bytes, gas: int) -> None:
        """Do nothing: `submit` refuses by itself, at no cost."""

    def raised(self, key: bytes, raw: bytes) -> bytes:
        """Return the transaction as it is: no other one competes for a block of this chain."""
        del key
        return raw

    def send(self, key: bytes, to: Address | None, call_data: bytes) -> Mined:
        """Sign one transaction with `key` and mine it, as `submit` does."""
        mined = self.submit(self.signed(key, to, call_data, self.nonce(address_of(key))))
        if mined is None:
            raise LedgerUnavailableError("another transaction of this sender came between: try again")
        return mined

    def outcome(self, transaction: bytes, sender: Address, nonce: int) -> Outcome:
        """Say what became of the transaction with this hash; what the contract refused left no trace."""
        with _translated():
            try:
                number, index = self._chain.chaindb.get_transaction_index(transaction)
            except TransactionNotFound:
                return Outcome(Fate.REPLACED if self.nonce(sender) > nonce else Fate.WAITING)
            receipt = self._chain.chaindb.get_receipt_by_index(number, index, PragueVM.get_receipt_builder())
            return Outcome(Fate.MINED, Mined(transaction, number, receipt.gas_used))

    def beat(self) -> None:
        """Mine an empty block, to show that the chain lives."""
        with self._one_block(), _translated():
            self._chain.mine_all([])

    @contextmanager
    def _one_block(self) -> Iterator[BlockHeaderAPI]:
        """Yield the next block's header, then keep all that was written meanwhile, or on any error nothing."""
        try:
            with _translated():
                self._chain.header = self._next_header()
            yield self._chain.header
            self._store.commit()
        except BaseException:
            self._store.discard()
            raise

    def _next_header(self) -> BlockHeaderAPI:
        parent = self._chain.get_canonical_head()
        time = max(self._clock(), parent.timestamp + 1)
        return self._chain.create_header_from_parent(parent, timestamp=time, gas_limit=parent.gas_limit)

    def _header(self, number: int) -> BlockHeaderAPI:
        with _translated():
            try:
                return self._chain.get_canonical_block_header_by_number(number)
            except HeaderNotFound as error:
                raise LedgerUnavailableError("the chain has no block of this number yet") from error


def deployed_address(sender: Address, nonce: int) -> Address:
    """Return where `sender`'s transaction of this nonce deploys (Ethereum yellow paper, section 7)."""
    return Address(keccak(rlp.encode([sender, nonce]))[-20:])


def _chain_class(chain_id: int) -> type[MiningChain]:
    rules = ((0, PragueVM),)
    chain: type[MiningChain] = MiningChain.configure("EmbeddedEvm", chain_id=chain_id, vm_configuration=rules)
    return chain


def _builder() -> type[TransactionBuilderAPI]:
    builder: type[TransactionBuilderAPI] = PragueVM.get_transaction_builder()
    return builder


def _head(header: BlockHeaderAPI) -> Head:
    return Head(header.block_number, header.hash, header.timestamp)


def _reason(error: VMError) -> str:
    """Return the reason that a contract gave for reverting, or say that it gave none."""
    returned = error.args[0] if isinstance(error, Revert) and error.args else b""
    if returned[:4] == _ERROR_SELECTOR:
        with suppress(DecodingError):
            return str(decode(["string"], returned[4:])[0])
    return NO_REASON


@contextmanager
def _translated() -> Iterator[None]:
    """Translate what py-evm raises, once."""
    try:
        yield
    except VMError as error:
        raise LedgerRejectedError(_reason(error)) from error
    except ValidationError as error:
        raise LedgerUnavailableError("the chain did not take this block: see the cause") from error
    except (CanonicalHeadNotFound, HeaderNotFound, MissingTrieNode, EVMMissingData, RLPException) as error:
        raise LedgerMismatchError("part of this chain's file is missing or damaged: restore it") from error
