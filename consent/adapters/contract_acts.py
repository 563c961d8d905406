"""Acts as calls of contracts: which function of which contract does it, with which bytes and how much gas."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from consent.adapters.contract_calls import TRANSACTION_GAS, calls_of
from consent.domain.errors import LedgerRejectedError
from consent.domain.grant import BATCH_LIMIT, SIGNATURE_BYTES, PublishedGrant, SignedRevocation
from consent.domain.hashing import HASH_BYTES
from consent.ports import Act, Anchoring, Grants, Registration, Revocations, StatusChange, Stops

_BASE_GAS: Final = 400_000
_ITEM_GAS: Final = 60_000
"""What is allowed for each item of a batch: about twice what a revocation takes."""
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the contract's name, the encoded function and arguments, and the gas to allow for it."""

    contract: str
    encoded: bytes
    gas: int


def call_of(act: Act) -> Call:
    """Return the call that does an act; `LedgerRejectedError` when a batch or one of its members has the wrong size."""
    contract, function, arguments = _named(act)
    items = len(act.items) if isinstance(act, Grants | Revocations | Stops) else 1
    gas = min(TRANSACTION_GAS, _BASE_GAS + items * _ITEM_GAS)
    return Call(contract, calls_of(contract).encode(function, *arguments), gas)


def _named(act: Act) -> tuple[str, str, tuple[object, ...]]:
    if isinstance(act, Registration):
        return "model_registry", "register", (act.model, act.manifest)
    if isinstance(act, StatusChange):
        return "model_registry", "set_status", (act.model, int(act.status))
    if isinstance(act, Anchoring):
        return "log_anchor", "anchor", (act.size, act.root, list(act.proof))
    return ("consent_registry", *_on_registry(act))


def _on_registry(act: Grants | Revocations | Stops) -> tuple[str, tuple[object, ...]]:
    if isinstance(act, Revocations):
        return "revoke_signed", (_batch([_revocation(item) for item in act.items]),)
    if isinstance(act, Stops):
        pairs = _batch(act.items)
        return "stop", ([patient for patient, _ in pairs], [commitment for _, commitment in pairs])
    grants = _batch([_grant(item) for item in act.items])
    return ("grant_one", (grants[0],)) if len(grants) == 1 else ("grant", (grants,))


def _batch(items: Sequence[_Item]) -> Sequence[_Item]:
    if not 0 < len(items) <= BATCH_LIMIT:
        raise LedgerRejectedError(f"a call takes 1 to {BATCH_LIMIT} items: split the batch")
    return items


def _grant(grant: PublishedGrant) -> tuple[object, ...]:
    return (grant.commitment, grant.patient, grant.expires, grant.publish_by, *_r_vs(grant.signature))


def _revocation(revocation: SignedRevocation) -> tuple[object, ...]:
    return (revocation.commitment, revocation.patient, *_r_vs(revocation.signature))


def _r_vs(signature: bytes) -> tuple[bytes, bytes]:
    if len(signature) != SIGNATURE_BYTES:
        raise LedgerRejectedError(f"a compact signature has {SIGNATURE_BYTES} bytes")
    return signature[:HASH_BYTES], signature[HASH_BYTES:]
