"""Work that waits for a worker, and who does it until when.

    job = unit.jobs.take(lease, now, now + 300)     waiting, or its lease ran out: yours for 300 s
    unit.jobs.report(job, progress, now, now + 300) another 300 s
    unit.jobs.finish(job, outcome, now)             in the transaction that stores the result

A job is finished once: its lease, which no other worker knows, is asked for in the transaction of the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

MAX_ATTEMPTS: Final = 5
"""So often a job is taken; one that ended no worker's attempt by then most likely kills them."""
WORN_OUT: Final = "failed: it ended with its worker too often, see the worker's log"


class JobState(StrEnum):
    """Where a job is; the last three are for ever."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing comes after it."""
        return self not in {JobState.WAITING, JobState.RUNNING}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: a short word from code, and `done` of `total`, both 0 where nobody counts."""

    step: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work; all times are Unix seconds.

    Attributes:
        id: 32 random hex digits.
        kind: which runner knows how.
        parameters: canonical JSON, nothing personal.
        created: when it was queued.
        not_before: when it may be taken at the earliest.
        attempts: how often it was taken.
        lease: 32 random hex digits that only its worker knows, empty while nobody has it.
        lease_until: until when nobody else takes it.
        finished: when it was over, None before.
        cancel_requested: somebody asked the worker to stop.
        outcome: canonical JSON of ids and hashes, once done.
        failure: a sentence that is safe to show, once failed.
    """

    id: str
    kind: str
    parameters: bytes
    created: int
    not_before: int
    state: JobState = JobState.WAITING
    progress: Progress = Progress()
    attempts: int = 0
    lease: str = ""
    lease_until: int = 0
    finished: int | None = None
    cancel_requested: bool = False
    outcome: bytes = b""
    failure: str = ""


class Jobs(Protocol):
    """What waits for a worker, what runs and what came of it.

    What takes a `Job` as its worker got it raises `LeaseLostError` when the lease is not the job's any more.
    """

    def add(self, job: Job) -> None:
        """Queue a job."""

    def get(self, job_id: str) -> Job:
        """Return a job; raise `UnknownJobError`."""

    def everything(self) -> Sequence[Job]:
        """Return all jobs, newest first."""

    def take(self, lease: str, now: int, until: int) -> Job | None:
        """Take the next job that is due under a new lease, None when there is none.

        A job whose lease ran out is due again; it is over instead when it was taken `MAX_ATTEMPTS` times or its end
        was asked for.
        """

    def report(self, job: Job, progress: Progress, until: int) -> None:
        """Store how far a job is and renew its lease; raise `JobCancelledError` when its end was asked for."""

    def finish(self, job: Job, outcome: bytes, now: int) -> None:
        """Say that a job is done; raise `JobCancelledError` when its end was asked for.

        Call it in the transaction that stores the result: either both are kept or neither.
        """

    def fail(self, job: Job, failure: str, now: int) -> None:
        """Say that nothing came of a job, and why."""

    def give_up(self, job: Job, now: int) -> None:
        """Say that a job ended as it was asked to."""

    def put_back(self, job: Job, not_before: int, *, counted: bool = True) -> None:
        """Let a job be taken again from `not_before` on; an attempt that is not `counted` was none."""

    def cancel(self, job_id: str, now: int) -> JobState:
        """Cancel a waiting job at once, ask a running one's worker to; return the state. Raise `UnknownJobError`."""
