"""Work that a study asks for and a worker does: trainings and aggregates. What can be refused now is refused now.

A worker judges everything once more when it begins: consents count when they are used.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics import CohortQuery, Dictionary
from analytics.disclosure import SMALLEST
from consent.domain.data_use import DataUse, Outcome, match, permission_for
from consent.domain.decision import Permit, ledger_refusal, same
from consent.domain.errors import ConsentError, UnknownJobError
from consent.domain.hashing import Json
from consent.domain.study import Study, StudyConflictError, protocol
from consent.domain.terms import Operation
from consent.ports import Job, Unit
from consent.services.gate import ConsentGate
from consent.services.studies.aggregate_job import AGGREGATE, aggregate_job
from consent.services.studies.approved import open_study
from consent.services.studies.retraining import RETRAIN
from consent.services.studies.training import Training, training_access
from consent.services.studies.training_job import TRAIN, training_job

_KINDS = frozenset({TRAIN, RETRAIN, AGGREGATE})
OPEN_JOBS: Final = 10
"""How many jobs of one study may wait or run at a time: one worker does those of all studies."""
JOBS_A_DAY: Final = 100
"""How many one study may queue in any day, also of those that it cancels: jobs are kept."""
_DAY: Final = 86400


class PurposeMismatchError(ConsentError):
    """The purpose goes beyond what the study was approved for; register a study for it."""


class PurposeUnresolvedError(ConsentError):
    """No machine decides on this purpose; have the operator decide."""


class ConsentGoneError(ConsentError):
    """So few people allow this now that nothing could come of it; wait, or ask more people."""


class LedgerStaleError(ConsentError):
    """Consents cannot be checked until the ledger is read again; try again soon."""


class NotInProtocolError(ConsentError):
    """The study was approved for other trainings; have this dictionary on this cohort approved."""


@dataclass(frozen=True, slots=True)
class TrainingAsked:
    """What a study wants trained; `job_id` where the same request must never become two jobs."""

    dictionary: str
    parameters: Mapping[str, Json]
    cohort: CohortQuery | None = None
    purpose: DataUse | None = None
    job_id: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """The jobs of this installation's studies."""

    training: Training

    def train(self, study_id: str, asked: TrainingAsked, now: datetime) -> Job:
        """Queue a training.

        Raises `StudyNotApprovedError`, `PurposeMismatchError`, `PurposeUnresolvedError`, `NotInProtocolError`,
        `ConsentGoneError`, `LedgerStaleError`, `CategoryNeededError`, `StudyConflictError` for one too many, and what
        `training_job` raises.
        """
        cohort = asked.cohort.to_bytes().decode() if asked.cohort else ""
        job = training_job(study_id, asked.dictionary, asked.parameters, now, cohort, asked.job_id)
        with self.training.store.begin() as unit:
            study = open_study(unit, study_id)
            _require_purpose(study, asked.purpose)
            if (known := _known(unit, job, study_id)) is not None:
                return known
            self._require_consents(unit, study, Dictionary.parse(asked.dictionary), asked.cohort, now)
            unit.jobs.add(job)
            return job

    def aggregate(self, study_id: str, cohort: CohortQuery | None, now: datetime, job_id: str = "") -> Job:
        """Queue an aggregate of predictions.

        Raises `StudyNotApprovedError`, `PurposeMismatchError`, or `StudyConflictError` for one too many.
        """
        text = cohort.to_bytes().decode() if cohort else ""
        with self.training.store.begin() as unit:
            if Operation.PREDICT not in open_study(unit, study_id).operations:
                raise PurposeMismatchError("the study was not approved for predictions: register one that is")
            job = aggregate_job(study_id, now, text, job_id)
            if (known := _known(unit, job, study_id)) is not None:
                return known
            unit.jobs.add(job)
            return job

    def job(self, job_id: str, study_id: str) -> Job:
        """Return a study's job; raise `UnknownJobError`, also for another study's."""
        with self.training.store.reading() as unit:
            return _of_study(unit.jobs.get(job_id), study_id)

    def jobs(self, study_id: str) -> Sequence[Job]:
        """Return a study's jobs, newest first."""
        with self.training.store.reading() as unit:
            return [job for job in unit.jobs.everything() if _study_of(job) == study_id]

    def cancel(self, job_id: str, study_id: str, now: datetime) -> Job:
        """Cancel a study's job: at once while it waits, at its next step while it runs; raise `UnknownJobError`."""
        with self.training.store.begin() as unit:
            _of_study(unit.jobs.get(job_id), study_id)
            unit.jobs.cancel(job_id, int(now.timestamp()))
            return unit.jobs.get(job_id)

    def _require_consents(
        self, unit: Unit, study: Study, dictionary: Dictionary, cohort: CohortQuery | None, now: datetime
    ) -> None:
        """Refuse what too few people allow at this moment: nothing is opened, and who they are is not told."""
        here, access = self.training, training_access(study, dictionary, cohort)
        asked = protocol(dictionary.hash, (cohort or CohortQuery.everyone(dictionary.day())).id)
        if study.protocols and asked not in study.protocols:
            raise NotInProtocolError("the study was approved for other trainings: have this one approved first")
        gate = ConsentGate(here.store, here.log, here.book, here.projection, study, here.clock, here.max_staleness)
        people = [patient.subject for patient in unit.patients.everyone() if not patient.blocked]
        decisions = gate.decide_all(unit, people, access, now)
        stale = ledger_refusal(here.projection.reading(), now, here.max_staleness)
        if stale is not None:
            raise LedgerStaleError(f"{stale.name}: nothing is decided until the ledger is read again")
        if sum(isinstance(one, Permit) for one in decisions.values()) < SMALLEST:
            raise ConsentGoneError(f"fewer than {SMALLEST} people allow this now: wait, or ask more people")


def _require_purpose(study: Study, purpose: DataUse | None) -> None:
    """Refuse an operation or a purpose that the study was not approved for."""
    if Operation.TRAIN not in study.operations:
        raise PurposeMismatchError("the study was not approved for training: register one that is")
    if purpose is None:
        return
    outcome = match(permission_for(study.data_use), purpose, same).outcome
    if outcome is Outcome.ABSTAIN:
        raise PurposeUnresolvedError("no machine decides on this purpose: have the operator decide")
    if outcome is Outcome.DENY:
        raise PurposeMismatchError("the purpose goes beyond what the study was approved for: register a study for it")


def _known(unit: Unit, job: Job, study_id: str) -> Job | None:
    """Return the job that the request of this name became before; raise `StudyConflictError` for one too many."""
    try:
        return unit.jobs.get(job.id)
    except UnknownJobError:
        _require_few([one for one in unit.jobs.everything() if _study_of(one) == study_id], job.created)
        return None


def _require_few(jobs: Sequence[Job], now: int) -> None:
    if sum(not job.state.is_over for job in jobs) >= OPEN_JOBS:
        raise StudyConflictError("so many jobs of the study wait already: let one of them end, or cancel it")
    if sum(job.created > now - _DAY for job in jobs) >= JOBS_A_DAY:
        raise StudyConflictError("the study queued so many jobs within a day: wait")


def _study_of(job: Job) -> str | None:
    study = json.loads(job.parameters).get("study") if job.kind in _KINDS else None
    return study if isinstance(study, str) else None


def _of_study(job: Job, study_id: str) -> Job:
    if _study_of(job) != study_id:
        raise UnknownJobError("the study has no job with this id")
    return job
