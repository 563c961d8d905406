"""Serving: only bytes whose hash the ledger calls ACTIVE become a model."""

from analytics import Model
from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.ports import ModelStatus, Store
from consent.services.projection import LedgerProjection


class ModelRefusedError(ConsentError):
    """These bytes are not an ACTIVE registered model; serve the study's current release."""


def load_active(store: Store, projection: LedgerProjection, content: bytes) -> Model:
    """Return the model in `content`; raise `ModelRefusedError` unless its SHA-256 is registered and ACTIVE."""
    with store.reading() as unit:
        projection.refresh(unit)
    if not projection.reading().matches:
        raise ModelRefusedError("the ledger is not the one that was read before: nothing is served on it")
    status = projection.model_status(sha256(content))
    if status is not ModelStatus.ACTIVE:
        raise ModelRefusedError(f"the ledger calls these model bytes {status.name}: serve the study's current release")
    return Model.from_bytes(content)
