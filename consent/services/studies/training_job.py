"""A training as a job: queued by anyone who can write the records database, run by a worker that holds the keys.

    with store.begin() as unit:
        unit.jobs.add(training_job("kidneys", dictionary_text, {"rounds": 200}, now))

The job is done in the transaction that stores its release.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from analytics import Dictionary, Parameters
from consent.domain.errors import JobError
from consent.domain.hashing import Json, canonical_json, sha256
from consent.ports import Job, StoredRelease, Unit
from consent.services.studies.training import Training
from consent.services.working import Report

TRAIN: Final = "train"


class TrainingJobError(JobError):
    """The parameters are not those of a training; queue it again with fields of `analytics.Parameters`."""


def training_job(study: str, dictionary: str, parameters: Mapping[str, Json], now: datetime) -> Job:
    """Return the job of training a study with a dictionary's TOML text and some fields of `Parameters`.

    Raises `DictionaryError`, `ParametersError` or `TrainingJobError` for what no worker could run.
    """
    _parameters(Dictionary.parse(dictionary), parameters)
    asked = canonical_json({"study": study, "dictionary": dictionary, "parameters": parameters})
    second = int(now.timestamp())
    return Job(secrets.token_hex(16), TRAIN, asked, created=second, not_before=second)


@dataclass(frozen=True, slots=True)
class TrainingRunner:
    """Runs jobs of the kind `TRAIN`."""

    training: Training

    def __call__(self, job: Job, report: Report) -> None:
        """Train; the job's outcome names the release and its hashes."""
        asked = json.loads(job.parameters)
        dictionary = Dictionary.parse(asked["dictionary"])

        def finish(unit: Unit, stored: StoredRelease) -> None:
            report.finish(unit, _outcome(stored))

        parameters = _parameters(dictionary, asked["parameters"])
        self.training.train(asked["study"], dictionary, parameters, finish=finish, report=report)


def _outcome(stored: StoredRelease) -> dict[str, Json]:
    return {
        "study": stored.study,
        "release": stored.release,
        "model": stored.model_hash.hex(),
        "manifest": sha256(stored.manifest).hex(),
    }


def _parameters(dictionary: Dictionary, chosen: Mapping[str, Any]) -> Parameters:
    """Return what was chosen, and the defaults for the rest; the columns are the dictionary's."""
    try:
        return Parameters(**{**chosen, "features": dictionary.names})
    except TypeError as error:
        raise TrainingJobError("the parameters are not those of a training: name fields of Parameters") from error
