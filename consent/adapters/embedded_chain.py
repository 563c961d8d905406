"""A chain inside this process: py-evm, kept in one SQLite file, with the three contracts deployed on it.

    with EmbeddedChain.create(path, ChainKeys.draw(), genesis_time=now) as chain:
        chain.send(Grants([published_grant]))
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

from consent.adapters.chain_keys import ChainKeys
from consent.adapters.chain_store import ChainStore, ReadOnlyLedgerError
from consent.adapters.contract_calls import calls_of
from consent.adapters.deployments import HOLDERS, Deployed, Deployment
from consent.adapters.evm import Evm, deployed_address
from consent.adapters.registries import Registries
from consent.domain.errors import LedgerMismatchError
from consent.domain.hashing import keccak
from consent.ports import Head, Role

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
        if keys is not None and keys.chain_id != deployment.chain_id:
            raise LedgerMismatchError("this chain was made with other keys: restore the keys or the file that fit")
        if keys is not None:
            self._require_own(keys)

    @classmethod
    def create(cls, path: Path, keys: ChainKeys, genesis_time: int, clock: Clock = _wall_clock) -> Self:
        """Make a chain at `path`, whole or not at all, deploy the contracts and open it for writing.

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

    def beat(self) -> Head:
        """Add an empty block, so that an idle chain shows that it lives."""
        self._held_keys()
        self._evm.beat()
        return self.head()

    def _held_keys(self) -> ChainKeys:
        if self._keys is None:
            raise ReadOnlyLedgerError("this chain is open for reading only")
        return self._keys


def _deploy(store: ChainStore, keys: ChainKeys, genesis_time: int, clock: Clock) -> Deployment:
    senders = tuple(keys.address(role) for role in Role)
    evm = Evm.from_genesis(store, keys.chain_id, senders, genesis_time, clock)
    deployed = [_deployed(evm, keys, nonce, name, role) for nonce, (name, role) in enumerate(HOLDERS.items())]
    return Deployment(keys.chain_id, evm.head().number, *deployed)


def _deployed(evm: Evm, keys: ChainKeys, nonce: int, name: str, holder: Role) -> Deployed:
    evm.send(keys.operator, None, calls_of(name).creation(("address",), keys.address(holder)))
    address = deployed_address(keys.address(Role.OPERATOR), nonce)
    return Deployed(address, keccak(evm.code(address)))
