"""Serving: only bytes whose hash the ledger calls ACTIVE become a model."""

from analytics import Model
from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.ports import Ledger, ModelStatus


class ModelRefusedError(ConsentError):
    """These bytes are not an ACTIVE registered model; serve the study's current release."""


def load_active(ledger: Ledger, content: bytes) -> Model:
    """Return the model in `content`; raise `ModelRefusedError` unless its SHA-256 is registered and ACTIVE."""
    status = ledger.model_status(sha256(content))
    if status is not ModelStatus.ACTIVE:
        raise ModelRefusedError(f"the ledger calls these model bytes {status.name}: serve the study's current release")
    return Model.from_bytes(content)
