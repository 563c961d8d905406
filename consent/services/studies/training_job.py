"""A training as a job: queued by anyone who can write the records database, run by a worker that holds the keys.

    with store.begin() as unit:
        unit.jobs.add(training_job("kidneys", dictionary_text, {"rounds": 200}, now, cohort_text))

The job is done in the transaction that stores its release.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from analytics import CohortQuery, Dictionary, Evaluation, GateFigures, Parameters
from consent.domain.errors import JobError
from consent.domain.hashing import Json, canonical_json, sha256
from consent.ports import Job, StoredRelease, Unit
from consent.services.studies.suspending import reasons_to_suspend
from consent.services.studies.training import Training
from consent.services.working import Report

TRAIN: Final = "train"


class TrainingJobError(JobError):
    """The parameters are not those of a training; queue it again with fields of `analytics.Parameters`."""


def training_job(
    study: str, dictionary: str, parameters: Mapping[str, Json], now: datetime, cohort: str = "", job_id: str = ""
) -> Job:
    """Return the job of training a study with a dictionary's TOML text and some fields of `Parameters`.

    On the `cohort` of a query's JSON text; empty: on everyone, on the dictionary's day. `job_id` is drawn if empty.

    Raises `DictionaryError`, `CohortError`, `ParametersError` or `TrainingJobError` for what no worker could run.
    """
    read = Dictionary.parse(dictionary)
    _parameters(read, parameters)
    if not _cohort(cohort):
        read.day()
    asked = canonical_json({"study": study, "dictionary": dictionary, "parameters": parameters, "cohort": cohort})
    second = int(now.timestamp())
    return Job(job_id or secrets.token_hex(16), TRAIN, asked, created=second, not_before=second)


@dataclass(frozen=True, slots=True)
class TrainingRunner:
    """Runs jobs of the kind `TRAIN`."""

    training: Training

    def __call__(self, job: Job, report: Report) -> None:
        """Train; the job's outcome names the release and its hashes."""
        asked = json.loads(job.parameters)
        dictionary = Dictionary.parse(asked["dictionary"])

        def finish(unit: Unit, stored: StoredRelease) -> None:
            report.finish(unit, outcome_of(unit, stored))

        parameters = _parameters(dictionary, asked["parameters"])
        cohort = _cohort(asked.get("cohort", ""))
        self.training.train(asked["study"], dictionary, parameters, cohort=cohort, finish=finish, report=report)


def outcome_of(unit: Unit, stored: StoredRelease) -> dict[str, Json]:
    """Return what a job says of the release that came of it, and why it is suspended where it is."""
    return {
        "study": stored.study,
        "release": stored.release,
        "model": stored.model_hash.hex(),
        "manifest": sha256(stored.manifest).hex(),
        "suspended": list(_why_suspended(unit, stored)),
    }


def _why_suspended(unit: Unit, stored: StoredRelease) -> tuple[str, ...]:
    study, gate = unit.studies.get(stored.study), GateFigures.from_json(json.loads(stored.gate))
    if study is None:
        return gate.failures()
    return reasons_to_suspend(study, Evaluation.from_json(json.loads(stored.evaluation)), gate)


def _cohort(text: str) -> CohortQuery | None:
    return CohortQuery.parse(text) if text else None


def _parameters(dictionary: Dictionary, chosen: Mapping[str, Any]) -> Parameters:
    """Return what was chosen, and the defaults for the rest; the columns are the dictionary's."""
    try:
        return Parameters(**{**chosen, "features": dictionary.names})
    except TypeError as error:
        raise TrainingJobError("the parameters are not those of a training: name fields of Parameters") from error
