"""Training a release anew, with its own dictionary, parameters and cohort: without those who left, exactly.

The model that comes of it is byte for byte the one that never knew them. Where too few are left for any model, the
release is retired all the same.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics import CohortQuery, Dictionary, Parameters
from consent.domain.entry import Action, Entry
from consent.domain.hashing import Json, canonical_json
from consent.domain.study import Study
from consent.ports import Job, ModelStatus, StoredRelease, Unit
from consent.services.studies.standing import current_release
from consent.services.studies.training import TooFewRowsError, Training, TrainingError, training_access
from consent.services.studies.training_job import outcome_of
from consent.services.working import Report
from vault import Access

RETRAIN: Final = "retrain"
TOO_FEW: Final = "TOO_FEW_ROWS"
"""The verdict where a release was retired and none came after it."""


def retraining_job(study: str, now: datetime) -> Job:
    """Return the job of training a study's current release anew."""
    second = int(now.timestamp())
    asked = canonical_json({"study": study})
    return Job(secrets.token_hex(16), RETRAIN, asked, created=second, not_before=second)


def access_of(study: Study, stored: StoredRelease) -> Access:
    """Return what a training of this release opens; raise `TrainingError` or `DictionaryError` as a training does."""
    return training_access(study, Dictionary.parse(stored.dictionary), cohort_of(stored))


def cohort_of(stored: StoredRelease) -> CohortQuery | None:
    """Return the cohort of a release, None where it was everyone on the dictionary's day."""
    return CohortQuery.parse(stored.cohort) if stored.cohort else None


@dataclass(frozen=True, slots=True)
class RetrainingRunner:
    """Runs jobs of the kind `RETRAIN`."""

    training: Training

    def __call__(self, job: Job, report: Report) -> None:
        """Train; the job's outcome names the new release, or the old one that was retired without another."""
        study = json.loads(job.parameters)["study"]
        stored = self._current(study)
        dictionary, cohort = Dictionary.parse(stored.dictionary), cohort_of(stored)
        chosen = json.loads(stored.manifest)["parameters"]
        parameters = Parameters(**{**chosen, "features": tuple(chosen["features"])})

        def finish(unit: Unit, trained: StoredRelease) -> None:
            report.finish(unit, outcome_of(unit, trained))

        try:
            self.training.train(study, dictionary, parameters, cohort=cohort, finish=finish, report=report)
        except TooFewRowsError:
            self._retire(stored, report)

    def _current(self, study: str) -> StoredRelease:
        with self.training.store.reading() as unit:
            self.training.projection.refresh(unit)
            stored = current_release(unit, self.training.projection, study)
        if stored is None or not stored.dictionary:
            raise TrainingError("this study has no release that can be trained anew: train it with a dictionary")
        return stored

    def _retire(self, stored: StoredRelease, report: Report) -> None:
        """Retire a release whose people are too few by now for another; the job is done in this transaction."""
        now, model = int(self.training.clock().timestamp()), stored.model_hash
        facts: dict[str, Json] = {"release": stored.release, "model": model.hex()}
        with self.training.store.begin() as unit:
            unit.model_acts.add(model, ModelStatus.RETIRED)
            entry = Entry(now, f"study:{stored.study}", Action.RETIRE, TOO_FEW, study=stored.study, facts=facts)
            self.training.log.append(unit, [entry])
            report.finish(unit, {"study": stored.study, "retired": stored.release})
