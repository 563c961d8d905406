"""The three contracts where they are deployed: what every chain that holds them does in the same way.

A chain adapter brings the chain (`Chain`) and its keys; which calls there are, what they take and what their answers
mean stands here once.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import contracts
from consent.adapters.chain_keys import ChainKeys, address_of
from consent.adapters.contract_acts import call_of
from consent.adapters.contract_calls import TRANSACTION_GAS, UNKNOWN_ANSWER, Log, calls_of
from consent.adapters.deployments import CONTRACTS, HOLDERS, Deployment
from consent.domain.errors import LedgerMismatchError, LedgerRejectedError, LedgerUnavailableError
from consent.domain.hashing import HASH_BYTES, keccak
from consent.domain.history import Event
from consent.domain.typed_data import Address, SigningDomain, word
from consent.ports import (
    ROLES,
    Act,
    Anchored,
    Fate,
    Head,
    Mined,
    ModelChange,
    ModelStatus,
    Outcome,
    Role,
    Transaction,
)

_HOLDER_OF: Final = {"consent_registry": "custodian", "model_registry": "owner", "log_anchor": "anchorer"}
CONTRACT_OF: Final = {role: name for name, role in HOLDERS.items()}
"""The contract that gives a role its power; the relayer has none."""
PATIENCE_SECONDS: Final = 120.0
"""How long `send` waits for its block, where nothing else is said."""
_POLL_SECONDS: Final = 0.1


class Chain(Protocol):
    """Whatever runs contracts; errors are those of `consent.ports.Ledger`."""

    def head(self) -> Head:
        """Return the newest block."""

    def final(self) -> Head:
        """Return the newest final block."""

    def block(self, number: int) -> Head:
        """Return the block with this number."""

    def code(self, address: Address) -> bytes:
        """Return the code that runs at an address, empty when there is none."""

    def call(self, to: Address, call_data: bytes, block: int) -> bytes:
        """Return what a contract answers in the state after `block`; nothing is written."""

    def logs(self, contract: Address, first: int, last: int) -> Sequence[Log]:
        """Return what a contract announced in blocks `first` to `last`, both included, in log order."""

    def nonce(self, sender: Address) -> int:
        """Return how many transactions of a sender are mined."""

    def dry_run(self, sender: Address, to: Address, call_data: bytes, gas: int) -> None:
        """Raise `LedgerRejectedError` when the contract would refuse this now, where the chain can say so."""

    def signed(self, key: bytes, to: Address, call_data: bytes, nonce: int, gas: int) -> bytes:
        """Return a signed transaction as bytes."""

    def raised(self, key: bytes, raw: bytes) -> bytes:
        """Return the same transaction with a fee that is an eighth higher, or what the chain asks now if more."""

    def submit(self, raw: bytes) -> object:
        """Send a transaction; one that the chain has already, or whose nonce is used, is left as it is."""

    def outcome(self, transaction: bytes, sender: Address, nonce: int) -> Outcome:
        """Say what became of the transaction with this hash."""

    def fund(self, key: bytes, heir: Address) -> None:
        """See to it that an address can pay for gas, from what `key` has where that is the chain's own."""


class Registries(ABC):
    """A `consent.ports.Ledger`; `beat` each chain has in its own way."""

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        self.deployment: Final = deployment
        self._chain = chain
        self._calls = {name: calls_of(name) for name in CONTRACTS}
        self._domain = SigningDomain(deployment.chain_id, deployment.registry.address)
        self._patience = PATIENCE_SECONDS
        self._require_deployed()

    @abstractmethod
    def _held_keys(self) -> ChainKeys:
        """Return the keys that sign transactions; raise when this ledger is for reading only."""

    @abstractmethod
    def beat(self) -> Head:
        """Show that an idle chain lives; return the head."""

    @property
    def domain(self) -> SigningDomain:
        """The EIP-712 domain that signatures for this registry carry."""
        return self._domain

    def head(self) -> Head:
        """Return the newest block."""
        return self._chain.head()

    def final(self) -> Head:
        """Return the newest block that nothing replaces any more."""
        return self._chain.final()

    def block(self, number: int) -> Head:
        """Return the block with this number, as the chain is now."""
        return self._chain.block(number)

    def events(self, first: int, last: int) -> list[Event]:
        """Return the registry's events of blocks `first` to `last`, both included, in log order."""
        calls, logs = self._calls["consent_registry"], self._logs("consent_registry", first, last)
        events = (calls.event(log.block, log.topics, log.words) for log in logs)
        return [event for event in events if event is not None]

    def model_changes(self, first: int, last: int) -> list[ModelChange]:
        """Return what the model registry announced in blocks `first` to `last`, both included, in log order."""
        calls, logs = self._calls["model_registry"], self._logs("model_registry", first, last)
        changes = (calls.model_change(log.block.number, log.topics, log.words) for log in logs)
        return [change for change in changes if change is not None]

    def history(self, block: int) -> bytes:
        """Return the registry's history hash as it stood after `block`, 32 bytes."""
        return self._ask("consent_registry", "history", block=block)

    def next_nonce(self, role: Role) -> int:
        """Return the nonce that a role's next transaction has, from what is mined."""
        return self._chain.nonce(self._held_keys().address(role))

    def prepare(self, act: Act, nonce: int) -> Transaction:
        """Return the signed transaction of one act, not sent; a node says beforehand what a contract would refuse."""
        role, call = ROLES[type(act)], call_of(act)
        key, to = self._held_keys().of(role), self.deployment.of(call.contract).address
        self._chain.dry_run(self._held_keys().address(role), to, call.encoded, call.gas)
        return _transaction(role, nonce, self._chain.signed(key, to, call.encoded, nonce, call.gas))

    def submit(self, transaction: Transaction) -> None:
        """Send a transaction; one that the chain has already is left as it is."""
        self._chain.submit(transaction.raw)

    def outcome(self, transaction: Transaction) -> Outcome:
        """Say what became of a transaction."""
        return self._chain.outcome(transaction.hash, self._held_keys().address(transaction.role), transaction.nonce)

    def raised(self, transaction: Transaction) -> Transaction:
        """Return the same transaction, same nonce, with a fee that chains take in its place."""
        raw = self._chain.raised(self._held_keys().of(transaction.role), transaction.raw)
        return _transaction(transaction.role, transaction.nonce, raw)

    def send(self, act: Act) -> Mined:
        """Prepare, submit and wait until it is mined.

        `LedgerUnavailableError` when it is not after two minutes; it may still land.
        """
        transaction = self.prepare(act, self.next_nonce(ROLES[type(act)]))
        self.submit(transaction)
        return self._mined(lambda: self.outcome(transaction))

    def _mined(self, look: Callable[[], Outcome]) -> Mined:
        deadline = time.monotonic() + self._patience
        while (outcome := look()).fate is Fate.WAITING:
            if time.monotonic() > deadline:
                raise LedgerUnavailableError("a transaction is not mined yet: look for it before sending it again")
            time.sleep(_POLL_SECONDS)
        if outcome.mined is None or outcome.fate is not Fate.MINED:
            raise LedgerRejectedError("the contract refused this call when its block was made")
        return outcome.mined

    def model_status(self, model: bytes) -> ModelStatus:
        """Return the status of a model hash, UNKNOWN when it was never registered."""
        return ModelStatus(int.from_bytes(self._ask("model_registry", "status_of", model)))

    def registered_manifest(self, model: bytes) -> bytes:
        """Return the manifest hash registered with a model hash, 32 zero bytes when it was never registered."""
        return self._ask("model_registry", "manifest_of", model)

    def anchored(self) -> Anchored:
        """Return the newest anchored checkpoint, as of the newest final block."""
        answer = self._ask("log_anchor", "anchored", block=self.final().number, words=2)
        return Anchored(int.from_bytes(answer[:HASH_BYTES]), answer[HASH_BYTES:])

    def hand_over(self, role: Role, key: bytes) -> None:
        """Give a role to the address of `key`: the present holder offers it, the new one takes it.

        An embedded chain gives the new address its gas; on a node `LedgerUnavailableError` says when it has none.
        """
        heir = address_of(key)
        self._chain.fund(self._held_keys().of(role), heir)
        if role not in CONTRACT_OF:  # anyone may relay
            return
        contract = CONTRACT_OF[role]
        word_for_it = _HOLDER_OF[contract]
        self._call(self._held_keys().of(role), contract, f"propose_{word_for_it}", heir)
        self._call(key, contract, f"accept_{word_for_it}")

    def _call(self, key: bytes, contract: str, function: str, *arguments: object) -> Mined:
        sender, to = address_of(key), self.deployment.of(contract).address
        nonce, call = self._chain.nonce(sender), self._calls[contract].encode(function, *arguments)
        self._chain.dry_run(sender, to, call, TRANSACTION_GAS)
        raw = self._chain.signed(key, to, call, nonce, TRANSACTION_GAS)
        self._chain.submit(raw)
        return self._mined(lambda: self._chain.outcome(keccak(raw), sender, nonce))

    def _logs(self, contract: str, first: int, last: int) -> Sequence[Log]:
        since = max(first, self.deployment.block)
        return self._chain.logs(self.deployment.of(contract).address, since, last) if since <= last else []

    def _ask(
        self, contract: str, function: str, *arguments: object, block: int | None = None, words: int = 1
    ) -> bytes:  # fmt: skip
        call = self._calls[contract].encode(function, *arguments)
        number = self.head().number if block is None else block
        answer = self._chain.call(self.deployment.of(contract).address, call, number)
        if len(answer) != words * HASH_BYTES:
            raise LedgerMismatchError(UNKNOWN_ANSWER)
        return answer

    def _require_deployed(self) -> None:
        """Raise `LedgerMismatchError` unless what was deployed still stands here, and is what our sources compile to.

        Whoever keeps the chain's file keeps the deployment's row too, so the row alone would prove nothing. Immutables
        stand behind the published code.
        """
        for name in CONTRACTS:
            deployed = self.deployment.of(name)
            code = self._chain.code(deployed.address)
            if keccak(code) != deployed.code_hash or not code.startswith(contracts.load(name).runtime):
                raise LedgerMismatchError("a contract's code is not what was deployed: restore the chain it stands on")

    def _require_own(self, keys: ChainKeys) -> None:
        """Raise `LedgerMismatchError` unless the contracts give each role to the key that we have for it."""
        belongs = keys.chain_id == self.deployment.chain_id and all(
            self._ask(name, _HOLDER_OF[name]) == word(keys.address(role)) for name, role in HOLDERS.items()
        )
        if not belongs:
            raise LedgerMismatchError("this chain's roles belong to other keys: restore the keys or the chain that fit")


def _transaction(role: Role, nonce: int, raw: bytes) -> Transaction:
    return Transaction(role, nonce, keccak(raw), raw)
