"""Trainings, aggregates of predictions, and the jobs that they are until a worker has done them."""

import json
from hashlib import sha256
from typing import Final, cast

from apiflask import APIBlueprint
from flask import request

from consent.domain.data_use import DataUse
from consent.ports import Job, JobState
from consent.services.desk.work import TrainingAsked
from consent.web.v1 import schemas
from consent.web.v1.door import AGGREGATES, TRAIN, Door, Who, caller, walked
from consent.web.v1.paging import Listed
from consent.web.v1.room import ApiRoom

_STUDY: Final = ("study-not-approved", "study-closed")
_JOBS: Final = Who(TRAIN.roles, TRAIN.scopes | AGGREGATES.scopes)
_CHECK_AGAIN: Final = "1"
"""Seconds after which a job that is not over is worth a look."""
_Accepted = tuple[schemas.Job, int, dict[str, str]]


def jobs(room: ApiRoom) -> APIBlueprint:
    """Return the routes about work."""
    blueprint = APIBlueprint("jobs", __name__, tag="Trainings and jobs", url_prefix="/v1")
    door = Door(room, blueprint)

    @door("POST", "/studies/<name:study>/trainings", who=TRAIN, body=schemas.NewTraining, gives=schemas.Job, status=202,
          refuses=(*_STUDY, "malformed-dictionary", "malformed-parameters", "category-not-asked", "purpose-mismatch",
                   "purpose-needs-a-person", "consent-gone", "ledger-stale", "conflict"))  # fmt: skip
    def train(study: str, body: schemas.NewTraining) -> _Accepted:
        """Train a model.

        The study's next release, on exactly the people who allow it at the block that the training is pinned
        to, and of them those of the cohort.
        """
        asked = TrainingAsked(
            body.dictionary,
            body.parameters,
            room.cohorts.query(study, body.cohort) if body.cohort else None,
            _purpose(body.purpose),
            _job_id(study),
        )
        return _accepted(room.work.train(study, asked, room.clock()))

    @door("GET", "/studies/<name:study>/trainings", who=TRAIN, query=schemas.Walk, gives=schemas.Jobs, refuses=_STUDY)
    def trainings(study: str, query: schemas.Walk) -> schemas.Jobs:
        """List jobs.

        Trainings and aggregates of the study, newest first.
        """
        found = [Listed(job.created, job.id, _told(job)) for job in room.work.jobs(study)]
        page = walked(room, f"jobs {study}", found, query)
        return schemas.Jobs(items=page.items, next=page.next)

    @door("POST", "/studies/<name:study>/aggregates", who=AGGREGATES, body=schemas.NewAggregate, gives=schemas.Job,
          status=202, refuses=(*_STUDY, "purpose-mismatch", "conflict"))  # fmt: skip
    def aggregate(study: str, body: schemas.NewAggregate) -> _Accepted:
        """Aggregate predictions.

        Of everybody who allows them, or of a cohort. The job's outcome tells how many people stand in each
        fifth of the estimated risk, with noise, out of the study's budget; a researcher is never told about one person.
        """
        cohort = room.cohorts.query(study, body.cohort) if body.cohort else None
        return _accepted(room.work.aggregate(study, cohort, room.clock(), _job_id(study)))

    @door("GET", "/jobs/<id:job>", who=_JOBS, gives=schemas.Job)
    def job(job: str) -> tuple[schemas.Job, int, dict[str, str]]:
        """Read a job.

        While it is not over, Retry-After says when to look again.
        """
        found = room.work.job(job, caller().study or "")
        return _told(found), 200, {} if found.state.is_over else {"Retry-After": _CHECK_AGAIN}

    @door("POST", "/jobs/<id:job>/cancel", who=_JOBS, gives=schemas.Job)
    def cancel(job: str) -> schemas.Job:
        """Cancel a job.

        At once while it waits, at its next step while it runs; one that is over stays as it is.
        """
        return _told(room.work.cancel(job, caller().study or "", room.clock()))

    return blueprint


def _job_id(study: str) -> str:
    """Return the id that a request with a key always has, so that it never becomes two jobs; empty without a key."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return ""
    named = f"job\n{caller().holder}\n{study}\n{request.path}\n{key}"
    return sha256(named.encode() + request.get_data(cache=True)).hexdigest()[:32]


def _purpose(asked: schemas.DataUse | None) -> DataUse | None:
    if asked is None:
        return None
    named = asked.model_dump()
    return DataUse(**{**named, "diseases": frozenset(asked.diseases), "other": frozenset(asked.other)})


def _accepted(job: Job) -> _Accepted:
    return _told(job), 202, {"Location": f"/v1/jobs/{job.id}", "Retry-After": _CHECK_AGAIN}


def _told(job: Job) -> schemas.Job:
    return schemas.Job(
        id=job.id,
        kind=cast("schemas.Kind", job.kind),
        study=json.loads(job.parameters)["study"],
        state=job.state.value,
        progress=schemas.Progress(step=job.progress.step, done=job.progress.done, total=job.progress.total),
        created=job.created,
        finished=job.finished,
        outcome=json.loads(job.outcome) if job.state is JobState.DONE else None,
        failure=job.failure or None,
    )
