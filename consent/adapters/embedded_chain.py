"""A chain inside this process: py-evm, kept in one SQLite file, with the two registries deployed on it.

    with EmbeddedChain.create(path, ChainKeys.draw(), genesis_time=now) as chain:
        chain.grant([published_grant])
        chain.events(0, chain.head().number)

Each call that writes is one block, final at once; one that a contract refuses leaves no block. A block's time is
the clock's, or one second after its parent's while the clock has not passed that: in a burst the chain runs ahead of
the clock by up to a second a block, and waits for the clock afterwards. One process writes (`open`), any number read
(`read_only`).
"""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from consent.adapters.chain_keys import ChainKeys, address_of
from consent.adapters.chain_store import ChainStore, ReadOnlyLedgerError
from consent.adapters.contract_calls import ContractCalls
from consent.adapters.evm import Evm, deployed_address
from consent.adapters.registries import Deployment, Registries
from consent.domain.errors import LedgerMismatchError
from consent.domain.hashing import keccak
from consent.domain.history import Event
from consent.domain.typed_data import word
from consent.ports import Head

__all__ = ["ChainKeys", "Deployment", "EmbeddedChain", "ReadOnlyLedgerError"]

Clock = Callable[[], int]


def _wall_clock() -> int:
    return int(time.time())


class EmbeddedChain(Registries):
    """A `Ledger` that needs no server. Made by `create`, `open` or `read_only`; close it, or use `with`."""

    def __init__(self, store: ChainStore, keys: ChainKeys | None, clock: Clock) -> None:
        deployment = store.deployment()
        self._store = store
        self._keys = keys
        self._evm = Evm(store, deployment.chain_id, clock)
        super().__init__(self._evm, deployment)
        if keys is not None:
            self._require_own(keys)

    @classmethod
    def create(cls, path: Path, keys: ChainKeys, genesis_time: int, clock: Clock = _wall_clock) -> Self:
        """Make a chain at `path`, whole or not at all, deploy both registries and open it for writing.

        `genesis_time` is block 0's, in Unix seconds. `LedgerMismatchError` when a file is there already.
        """
        store = ChainStore.in_memory()
        try:
            store.record(_deploy(store, keys, genesis_time, clock))
            store.save_as(path)
        finally:
            store.close()
        return cls.open(path, keys, clock)

    @classmethod
    def open(cls, path: Path, keys: ChainKeys, clock: Clock = _wall_clock) -> Self:
        """Open for writing, where the last acknowledged block left off.

        `LedgerLockedError` when another process has it; `LedgerMismatchError` when it is not the chain of `keys`.
        """
        return cls._over(ChainStore.open(path), keys, clock)

    @classmethod
    def read_only(cls, path: Path) -> Self:
        """Open for reading, also while another process writes: no keys, no lock, nothing is written.

        Calls that write raise `ReadOnlyLedgerError`.
        """
        return cls._over(ChainStore.read_only(path), None, _wall_clock)

    @classmethod
    def _over(cls, store: ChainStore, keys: ChainKeys | None, clock: Clock) -> Self:
        try:
            return cls(store, keys, clock)
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Close the file and let its lock go."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def events(self, first: int, last: int) -> list[Event]:
        """Return the registry's events of blocks `first` to `last`, both included, in log order."""
        return [event for number in range(first, last + 1) for event in self._events(self._evm.block(number))]

    def beat(self) -> Head:
        """Add an empty block, so that an idle chain shows that it lives."""
        self._held_keys()
        self._evm.beat()
        return self.head()

    def _held_keys(self) -> ChainKeys:
        if self._keys is None:
            raise ReadOnlyLedgerError("this chain is open for reading only")
        return self._keys

    def _events(self, block: Head) -> list[Event]:
        registry = self.deployment.registry
        logs = (log for log in self._evm.logs(block.number) if log.address == registry)
        events = (self._registry.event(block, log.topics, log.words) for log in logs)
        return [event for event in events if event is not None]

    def _require_own(self, keys: ChainKeys) -> None:
        belongs = (
            keys.chain_id == self.deployment.chain_id
            and deployed_address(address_of(keys.operator), 0) == self.deployment.registry
            and word(address_of(keys.custodian)) == self._custodian()
        )
        if not belongs:
            raise LedgerMismatchError("this chain was made with other keys: restore the keys or the file that fit")


def _deploy(store: ChainStore, keys: ChainKeys, genesis_time: int, clock: Clock) -> Deployment:
    operator, custodian = address_of(keys.operator), address_of(keys.custodian)
    evm = Evm.from_genesis(store, keys.chain_id, (operator, custodian), genesis_time, clock)
    evm.send(keys.operator, None, ContractCalls("consent_registry").creation(("address",), custodian))
    block = evm.send(keys.operator, None, ContractCalls("model_registry").creation()).block
    registry, models = deployed_address(operator, 0), deployed_address(operator, 1)
    return Deployment(keys.chain_id, block, registry, keccak(evm.code(registry)), models, keccak(evm.code(models)))
