"""The registries' functions and events as bytes, after the ABI of the committed artefacts.

Source of the encoding: the Solidity contract ABI specification, through `eth_abi`.
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError
from eth_utils.abi import event_abi_to_log_topic, function_abi_to_4byte_selector, get_abi_input_types

import contracts
from consent.domain.errors import LedgerMismatchError, LedgerRejectedError
from consent.domain.hashing import HASH_BYTES
from consent.domain.history import Event, Granted, Revoked
from consent.domain.typed_data import Address
from consent.ports import Head, ModelChange, ModelStatus

if TYPE_CHECKING:
    from eth_typing import ABIEvent, ABIFunction

ADDRESS_BYTES: Final = 20
TRANSACTION_GAS: Final = 16_000_000
"""What a transaction may take at most. Set, never estimated: that takes seconds for a full batch."""
UNKNOWN_ANSWER: Final = "the contract answers what this version does not know"
NO_REASON: Final = "the contract refused this call without a reason"
_EVENT_TOPICS: Final = 3


@dataclass(frozen=True, slots=True)
class Log:
    """One event of a contract: its block, topics of 32 bytes, and the words that are no topics."""

    block: Head
    topics: tuple[bytes, ...]
    words: bytes


class ContractCalls:
    """The calls of one contract as bytes, and its events out of them."""

    def __init__(self, name: str) -> None:
        artifact = contracts.load(name)
        self._bytecode = artifact.bytecode
        functions = [cast("ABIFunction", entry) for entry in artifact.abi if entry["type"] == "function"]
        self._inputs = {entry["name"]: get_abi_input_types(entry) for entry in functions}
        self._selectors = {entry["name"]: function_abi_to_4byte_selector(entry) for entry in functions}
        events = [cast("ABIEvent", entry) for entry in artifact.abi if entry["type"] == "event"]
        self._events = {event_abi_to_log_topic(entry): entry["name"] for entry in events}

    def creation(self, types: tuple[str, ...] = (), *arguments: object) -> bytes:
        """Return the bytes that deploy the contract with constructor arguments of these types."""
        return self._bytecode + encode(types, arguments)

    def encode(self, function: str, *arguments: object) -> bytes:
        """Return the call's bytes; `LedgerRejectedError` when an argument does not fit its type."""
        try:
            return bytes(self._selectors[function] + encode(self._inputs[function], arguments))
        except EncodingError as error:
            raise LedgerRejectedError("an address, hash, signature or time has the wrong size") from error

    def model_change(self, block: int, topics: tuple[bytes, ...], words: bytes) -> ModelChange | None:
        """Return the change that a model registry's log is, or `None` for one about the registry itself."""
        name = self._events.get(topics[0]) if topics else None
        if name == "Registered" and len(topics) == _EVENT_TOPICS:
            return ModelChange(topics[1], ModelStatus.ACTIVE, topics[2], block)
        if name != "StatusChanged":
            return None
        if len(topics) != _EVENT_TOPICS - 1 or int.from_bytes(words) not in set(ModelStatus):
            raise LedgerMismatchError(UNKNOWN_ANSWER)
        return ModelChange(topics[1], ModelStatus(int.from_bytes(words)), b"", block)

    def event(self, block: Head, topics: tuple[bytes, ...], word: bytes) -> Event | None:
        """Return the consent event that a registry's log is, or `None` for one about the registry itself.

        `LedgerMismatchError` when a consent event has not the shape that the artefact declares.
        """
        name = self._events.get(topics[0]) if topics else None
        if name not in {"Granted", "Revoked"}:
            return None
        if len(topics) != _EVENT_TOPICS or any(len(part) != HASH_BYTES for part in (*topics, word)):
            raise LedgerMismatchError(UNKNOWN_ANSWER)
        _, patient, commitment = topics
        address = Address(patient[-ADDRESS_BYTES:])
        if name == "Granted":
            return Granted(address, commitment, int.from_bytes(word), block.number, block.time)
        return Revoked(address, commitment, Address(word[-ADDRESS_BYTES:]), block.number, block.time)


@cache
def calls_of(name: str) -> ContractCalls:
    """Return a contract's calls; they are made of its ABI once, which takes 5 ms."""
    return ContractCalls(name)
