"""The two registries where they are deployed: what every chain that holds them does in the same way.

A chain adapter brings the chain (`Chain`) and its keys; which calls there are, what they take and what their answers
mean stands here once.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import contracts
from consent.adapters.chain_keys import ChainKeys
from consent.adapters.contract_calls import UNKNOWN_ANSWER, ContractCalls
from consent.domain.errors import LedgerMismatchError, LedgerRejectedError
from consent.domain.grant import BATCH_LIMIT, SIGNATURE_BYTES, PublishedGrant, SignedRevocation
from consent.domain.hashing import HASH_BYTES, keccak
from consent.domain.typed_data import Address, SigningDomain
from consent.ports import Head, Mined, ModelStatus


@dataclass(frozen=True, slots=True)
class Deployment:
    """What stands on this chain.

    Attributes:
        chain_id: of the chain, part of every signature.
        block: the number of the block that finished the deployment.
        registry: address of the consent registry.
        registry_code: Keccak-256 of the code that runs there.
        models: address of the model registry.
        models_code: Keccak-256 of the code that runs there.
    """

    chain_id: int
    block: int
    registry: Address
    registry_code: bytes
    models: Address
    models_code: bytes


class Chain(Protocol):
    """Whatever runs contracts; errors are those of `consent.ports.Ledger`."""

    def head(self) -> Head:
        """Return the newest final block."""

    def block(self, number: int) -> Head:
        """Return the final block with this number."""

    def code(self, address: Address) -> bytes:
        """Return the code that runs at an address, empty when there is none."""

    def call(self, to: Address, call_data: bytes, block: int) -> bytes:
        """Return what a contract answers in the state after `block`; nothing is written."""

    def send(self, key: bytes, to: Address, call_data: bytes) -> Mined:
        """Sign one transaction with `key`, send it and return when its block is final."""


class Registries(ABC):
    """A `consent.ports.Ledger` but for `events` and `beat`, which each chain has in its own way."""

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        self.deployment: Final = deployment
        self._chain = chain
        self._registry = ContractCalls("consent_registry")
        self._models = ContractCalls("model_registry")
        self._domain = SigningDomain(deployment.chain_id, deployment.registry)
        self._require_deployed()

    @abstractmethod
    def _held_keys(self) -> ChainKeys:
        """Return the keys that sign transactions; raise when this ledger is for reading only."""

    @property
    def domain(self) -> SigningDomain:
        """The EIP-712 domain that signatures for this registry carry."""
        return self._domain

    def head(self) -> Head:
        """Return the newest final block."""
        return self._chain.head()

    def block(self, number: int) -> Head:
        """Return the final block with this number."""
        return self._chain.block(number)

    def history(self, block: int) -> bytes:
        """Return the registry's history hash as it stood after `block`, 32 bytes."""
        return self._ask(self.deployment.registry, self._registry.encode("history"), block)

    def grant(self, grants: Sequence[PublishedGrant]) -> Mined:
        """Publish 1 to 256 signed grants."""
        items = [(g.commitment, g.patient, g.expires, g.publish_by, *_r_vs(g.signature)) for g in grants]
        function, argument = ("grant_one", items[0]) if len(items) == 1 else ("grant", _batch(items))
        return self._relay(function, argument)

    def revoke_signed(self, revocations: Sequence[SignedRevocation]) -> Mined:
        """Publish 1 to 256 signed revocations; what is already revoked is skipped."""
        items = [(r.commitment, r.patient, *_r_vs(r.signature)) for r in revocations]
        return self._relay("revoke_signed", _batch(items))

    def stop(self, pairs: Sequence[tuple[Address, bytes]]) -> Mined:
        """As custodian, revoke 1 to 256 pairs of patient address and commitment."""
        _batch(pairs)
        call = self._registry.encode("stop", [patient for patient, _ in pairs], [commitment for _, commitment in pairs])
        return self._chain.send(self._held_keys().custodian, self.deployment.registry, call)

    def register_model(self, model: bytes, manifest: bytes) -> Mined:
        """Register a model's SHA-256 with that of its manifest, as ACTIVE."""
        call = self._models.encode("register", model, manifest)
        return self._chain.send(self._held_keys().operator, self.deployment.models, call)

    def set_model_status(self, model: bytes, status: ModelStatus) -> Mined:
        """Change a registered model's status; RETIRED is final."""
        call = self._models.encode("set_status", model, int(status))
        return self._chain.send(self._held_keys().operator, self.deployment.models, call)

    def model_status(self, model: bytes) -> ModelStatus:
        """Return the status of a model hash, UNKNOWN when it was never registered."""
        return ModelStatus(int.from_bytes(self._ask_models("status_of", model)))

    def registered_manifest(self, model: bytes) -> bytes:
        """Return the manifest hash registered with a model hash, 32 zero bytes when it was never registered."""
        return self._ask_models("manifest_of", model)

    def _custodian(self) -> bytes:
        """Return the custodian's address as the registry's word."""
        return self._ask(self.deployment.registry, self._registry.encode("custodian"), self.head().number)

    def _ask_models(self, function: str, *arguments: object) -> bytes:
        return self._ask(self.deployment.models, self._models.encode(function, *arguments), self.head().number)

    def _relay(self, function: str, argument: object) -> Mined:
        call = self._registry.encode(function, argument)
        return self._chain.send(self._held_keys().operator, self.deployment.registry, call)

    def _ask(self, contract: Address, call: bytes, block: int) -> bytes:
        answer = self._chain.call(contract, call, block)
        if len(answer) != HASH_BYTES:
            raise LedgerMismatchError(UNKNOWN_ANSWER)
        return answer

    def _require_deployed(self) -> None:
        """Raise `LedgerMismatchError` unless what was deployed still stands here, and is what our sources compile to.

        Whoever keeps the chain's file keeps the deployment's row too, so the row alone would prove nothing. Immutables
        stand behind the published code.
        """
        deployed = self.deployment
        for address, kept, name in (
            (deployed.registry, deployed.registry_code, "consent_registry"),
            (deployed.models, deployed.models_code, "model_registry"),
        ):
            code = self._chain.code(address)
            if keccak(code) != kept or not code.startswith(contracts.load(name).runtime):
                raise LedgerMismatchError("a contract's code is not what was deployed: restore the chain it stands on")


def _batch(items: Sequence[object]) -> Sequence[object]:
    if not 0 < len(items) <= BATCH_LIMIT:
        raise LedgerRejectedError(f"a call takes 1 to {BATCH_LIMIT} items: split the batch")
    return items


def _r_vs(signature: bytes) -> tuple[bytes, bytes]:
    if len(signature) != SIGNATURE_BYTES:
        raise LedgerRejectedError(f"a compact signature has {SIGNATURE_BYTES} bytes")
    return signature[:HASH_BYTES], signature[HASH_BYTES:]
