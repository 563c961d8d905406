"""How a study's releases stand: what the registry says of each, or will say once what is queued is done."""

from consent.ports import ModelStatus, StoredRelease, Unit
from consent.services.projection import LedgerProjection

STANDING = frozenset({ModelStatus.ACTIVE, ModelStatus.SUSPENDED})
"""What a release is until it is retired for ever."""


def model_status(unit: Unit, projection: LedgerProjection, model: bytes) -> ModelStatus:
    """Return a model's status, of its queued acts the last; refresh the projection in this transaction before."""
    queued = [act.status for act in unit.model_acts.everything() if act.model == model]
    return queued[-1] if queued else projection.model_status(model)


def current_release(unit: Unit, projection: LedgerProjection, study: str) -> StoredRelease | None:
    """Return a study's newest release that is not retired, None where it has none."""
    newest_first = reversed(unit.studies.releases(study))
    return next((r for r in newest_first if model_status(unit, projection, r.model_hash) in STANDING), None)
