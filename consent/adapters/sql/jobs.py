"""Jobs in SQL, for SQLite and PostgreSQL.

On PostgreSQL workers pass over rows that another one is taking; SQLite ignores `FOR UPDATE`, since there whoever writes
is alone.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from consent.adapters.sql.tables import jobs
from consent.domain.errors import JobCancelledError, LeaseLostError, UnknownJobError
from consent.ports import MAX_ATTEMPTS, WORN_OUT, Job, JobState, Progress


@dataclass(frozen=True)
class SqlJobs:
    """`Jobs` on one transaction that writes."""

    connection: Connection

    def add(self, job: Job) -> None:
        """Queue a job."""
        row = asdict(job)
        row |= row.pop("progress") | {"state": job.state.value}
        self.connection.execute(insert(jobs), row)

    def get(self, job_id: str) -> Job:
        """Return a job."""
        return _job(self._row(job_id))

    def _row(self, job_id: str, *, locked: bool = False) -> Row[Any]:
        query = select(jobs).where(jobs.c.id == job_id)
        row = self.connection.execute(query.with_for_update() if locked else query).one_or_none()
        if row is None:
            raise UnknownJobError("no job has this id: `consentry jobs` lists them")
        return row

    def everything(self) -> Sequence[Job]:
        """Return all jobs, newest first."""
        query = select(jobs).order_by(jobs.c.created.desc(), jobs.c.id)
        return [_job(row) for row in self.connection.execute(query)]

    def take(self, lease: str, now: int, until: int) -> Job | None:
        """Take the next job that is due."""
        while (row := self._due(now)) is not None:
            job = _job(row)
            if job.cancel_requested:
                self._end(job, JobState.CANCELLED, now)
            elif job.attempts >= MAX_ATTEMPTS:
                self._end(job, JobState.FAILED, now, failure=WORN_OUT)
            else:
                taken = {"state": "running", "attempts": job.attempts + 1, "lease": lease, "lease_until": until}
                self._change(job, taken)
                return self.get(job.id)
        return None

    def _due(self, now: int) -> Row[Any] | None:
        waits = and_(jobs.c.state == "waiting", jobs.c.not_before <= now)
        abandoned = and_(jobs.c.state == "running", jobs.c.lease_until <= now)
        query = select(jobs).where(or_(waits, abandoned)).order_by(jobs.c.not_before, jobs.c.created, jobs.c.id)
        return self.connection.execute(query.limit(1).with_for_update(skip_locked=True)).one_or_none()

    def report(self, job: Job, progress: Progress, until: int) -> None:
        """Store how far a job is and renew its lease."""
        self._require_not_cancelled(job)
        self._change(job, asdict(progress) | {"lease_until": until})

    def finish(self, job: Job, outcome: bytes, now: int) -> None:
        """Say that a job is done."""
        self._require_not_cancelled(job)
        self._end(job, JobState.DONE, now, outcome=outcome)

    def _require_not_cancelled(self, job: Job) -> None:
        # The row stays locked, so that what is asked for after this comes after the commit.
        row = self._row(job.id, locked=True)
        if row.cancel_requested and row.lease == job.lease:
            raise JobCancelledError("the job was cancelled")

    def fail(self, job: Job, failure: str, now: int) -> None:
        """Say that nothing came of a job."""
        self._end(job, JobState.FAILED, now, failure=failure)

    def give_up(self, job: Job, now: int) -> None:
        """Say that a job ended as it was asked to."""
        self._end(job, JobState.CANCELLED, now)

    def put_back(self, job: Job, not_before: int, *, counted: bool = True) -> None:
        """Let a job be taken again."""
        waiting = {"state": "waiting", "lease": "", "lease_until": 0, "not_before": not_before}
        self._change(job, waiting | {"attempts": job.attempts - (not counted)})

    def cancel(self, job_id: str, now: int) -> JobState:
        """Cancel a waiting job, ask a running one's worker."""
        job = _job(self._row(job_id, locked=True))
        if job.state is JobState.WAITING:
            self._end(job, JobState.CANCELLED, now)
            return JobState.CANCELLED
        if job.state is JobState.RUNNING:
            self._change(job, {"cancel_requested": True})
        return job.state

    def _end(self, job: Job, state: JobState, now: int, *, outcome: bytes = b"", failure: str = "") -> None:
        over = {"state": state.value, "finished": now, "lease": "", "lease_until": 0}
        self._change(job, over | {"outcome": outcome, "failure": failure})

    def _change(self, job: Job, values: dict[str, Any]) -> None:
        """Change a job that is still as its worker got it: its lease and being over are looked at by the database."""
        same = and_(jobs.c.id == job.id, jobs.c.lease == job.lease, jobs.c.state == job.state.value)
        if self.connection.execute(update(jobs).where(same).values(**values)).rowcount != 1:
            raise LeaseLostError("the job is another worker's now, or over: nothing of this attempt is kept")


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        parameters=row.parameters,
        created=row.created,
        not_before=row.not_before,
        state=JobState(row.state),
        progress=Progress(row.step, row.done, row.total),
        attempts=row.attempts,
        lease=row.lease,
        lease_until=row.lease_until,
        finished=row.finished,
        cancel_requested=row.cancel_requested,
        outcome=row.outcome,
        failure=row.failure,
    )
