"""Serving: only bytes whose hash the ledger calls ACTIVE become a model."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from analytics import Dictionary
from analytics.cohort import CohortQuery
from analytics.fhir import Records
from consent.domain.decision import Reason, ledger_refusal
from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.domain.manifest import Manifest
from consent.domain.study import Study
from consent.domain.terms import Operation
from consent.ports import ModelStatus, Store, StoredRelease, Unit
from consent.services.projection import LedgerProjection
from consent.services.studies.approved import StudyClosedError, StudyNotApprovedError, open_study
from consent.services.studies.suspending import gate_failures
from vault import Access

if TYPE_CHECKING:
    from analytics import Model


class ModelRefusedError(ConsentError):
    """These bytes are not an ACTIVE registered model; serve the study's current release."""


class PredictionRefusedError(ConsentError):
    """No prediction is given; `reason` is the word that the log has, the message says what could be done."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


def load_active(
    store: Store, projection: LedgerProjection, content: bytes, now: datetime, max_staleness: int
) -> "Model":  # fmt: skip
    """Return the model in `content`; raise `ModelRefusedError` unless its SHA-256 is registered and ACTIVE.

    What is on its way to be withdrawn is refused already, what is on its way to be registered until the log says that
    it was, and everything while the ledger was not read for `max_staleness` seconds.
    """
    from analytics import Model  # noqa: PLC0415  # XGBoost is loaded where a model is served, and not before

    model = sha256(content)
    with store.reading() as unit:
        projection.refresh(unit)
        queued = [act.status for act in unit.model_acts.everything() if act.model == model]
        ending = [status for status in queued if status is not ModelStatus.ACTIVE]
    refusal = ledger_refusal(projection.reading(), now, max_staleness)
    if refusal is not None:
        raise ModelRefusedError(f"{refusal.name}: nothing is served until the ledger is read again")
    status = ending[-1] if ending else projection.model_status(model)
    if status is not ModelStatus.ACTIVE:
        raise ModelRefusedError(f"the ledger calls these model bytes {status.name}: serve the study's current release")
    if queued:
        raise ModelRefusedError("the log does not say yet that these model bytes are ACTIVE: try again in a moment")
    return Model.from_bytes(content)


@dataclass(frozen=True, slots=True)
class Served:
    """A study's newest release, ACTIVE, with what turns a person's records into what it looks at."""

    study: Study
    release: StoredRelease
    dictionary: Dictionary
    cohort: CohortQuery | None
    model: "Model"

    @property
    def asked(self) -> frozenset[str]:
        """The categories that the study asked for."""
        return frozenset(category.value for category in self.study.required | self.study.optional)

    def access(self, actor: str) -> Access:
        """Return what a prediction opens: the features' categories, and those that tell who is meant; no outcome."""
        features = self.dictionary.features
        cohort = self.cohort.categories if self.cohort else frozenset[str]()
        required = cohort | {feature.category for feature in features if feature.required}
        optional = self.asked & {feature.category for feature in features}
        return Access(actor, self.study.reference.id, Operation.PREDICT.value, required, optional - required)

    def features(self, records: Records, permitted: frozenset[str]) -> tuple[date, tuple[float, ...]] | None:
        """Return a person's index day and features, None for who is not in the cohort.

        Nothing after that day counts. Raises `RowsError` when a resource is not FHIR R4.
        """
        index = self.cohort.index_of(records, permitted) if self.cohort else self.dictionary.day()
        if index is None:
            return None
        return index, self.dictionary.features_of(records, permitted, index)


def is_blank(features: Sequence[float]) -> bool:
    """Say whether nothing at all is recorded."""
    return all(map(math.isnan, features))


def served(
    store: Store, projection: LedgerProjection, study_id: str, now: datetime, max_staleness: int
) -> Served:  # fmt: skip
    """Return what a study serves now; raise `PredictionRefusedError` or `ModelRefusedError` when that is nothing."""
    with store.reading() as unit:
        study, releases = _predicting_study(unit, study_id), unit.studies.releases(study_id)
    if not releases:
        raise PredictionRefusedError("MODEL", "the study has no release yet: train one")
    newest = releases[-1]
    if not newest.dictionary:
        raise PredictionRefusedError("MODEL", "the release is of a version that kept no dictionary: train the next one")
    model = load_active(store, projection, newest.model, now, max_staleness)
    _require_whole(newest, projection.models[sha256(newest.model)].manifest)
    with store.reading() as unit:
        failed = gate_failures(unit.log, newest)
    if failed:
        raise ModelRefusedError(f"this model may not be served: {failed[0]}")
    cohort = CohortQuery.parse(newest.cohort) if newest.cohort else None
    return Served(study, newest, Dictionary.parse(newest.dictionary), cohort, model)


def _require_whole(stored: StoredRelease, registered: bytes) -> None:
    """Refuse a release beside whose bytes lie another dictionary or cohort than its registered manifest names."""
    if sha256(stored.manifest) == registered:
        manifest = Manifest.from_json(json.loads(stored.manifest))
        dictionary = Dictionary.parse(stored.dictionary)
        cohort = CohortQuery.parse(stored.cohort) if stored.cohort else CohortQuery.everyone(dictionary.day())
        if (dictionary.hash, cohort.id) == (manifest.dictionary, manifest.cohort):
            return
    raise ModelRefusedError("what is kept of this model is not what its manifest names: restore it, or train another")


def _predicting_study(unit: Unit, study_id: str) -> Study:
    """Return the study, as it was approved and for predictions too."""
    try:
        study = open_study(unit, study_id)
    except StudyClosedError as error:
        raise PredictionRefusedError(Reason.STUDY_CLOSED.name, str(error)) from error
    except StudyNotApprovedError as error:
        raise PredictionRefusedError("STUDY", str(error)) from error
    if Operation.PREDICT not in study.operations:
        raise PredictionRefusedError("OPERATION", "the study was not approved for predictions: approve one that is")
    return study
