"""Serving: only bytes whose hash the ledger calls ACTIVE become a model."""

from datetime import datetime

from analytics import Model
from consent.domain.decision import ledger_refusal
from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.ports import ModelStatus, Store
from consent.services.projection import LedgerProjection


class ModelRefusedError(ConsentError):
    """These bytes are not an ACTIVE registered model; serve the study's current release."""


def load_active(
    store: Store, projection: LedgerProjection, content: bytes, now: datetime, max_staleness: int
) -> Model:  # fmt: skip
    """Return the model in `content`; raise `ModelRefusedError` unless its SHA-256 is registered and ACTIVE.

    What is on its way to be withdrawn is refused already, and so is everything while the ledger was not read for
    `max_staleness` seconds.
    """
    model = sha256(content)
    with store.reading() as unit:
        projection.refresh(unit)
        ending = [act.status for act in unit.model_acts.everything() if act.model == model and not act.manifest]
    refusal = ledger_refusal(projection.reading(), now, max_staleness)
    if refusal is not None:
        raise ModelRefusedError(f"{refusal.name}: nothing is served until the ledger is read again")
    status = ending[-1] if ending else projection.model_status(model)
    if status is not ModelStatus.ACTIVE:
        raise ModelRefusedError(f"the ledger calls these model bytes {status.name}: serve the study's current release")
    return Model.from_bytes(content)
