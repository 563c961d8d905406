"""The worker: takes one job after another, says how far it is, and settles what came of it exactly once.

    worker = Worker(store, clock, {"train": TrainingRunner(training)})
    while worker.run_one():
        ...

A runner gets the job and a `Report`. It calls `report(step, done, total)` as it goes on, and
`report.finish(unit, outcome)` in the transaction that stores its result.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from analytics import AnalyticsError
from consent.domain.errors import (
    ConsentError,
    JobCancelledError,
    JobError,
    LeaseLostError,
    LedgerUnavailableError,
    RecordsUnavailableError,
)
from consent.domain.hashing import Json, canonical_json
from consent.ports import MAX_ATTEMPTS, Job, JobState, Progress, Store, Unit
from vault import KeysUnavailableError, VaultError

LEASE_SECONDS: Final = 300
"""Longer than the longest stage of a job: a lease is renewed as the job reports."""
REPORT_SECONDS: Final = 1
RETRY_SECONDS: Final = (60, 240, 960, 3600)
"""How long a job waits for a world that was away, after its first attempt, its second and so on."""
FAILED: Final = "failed: see the worker's log"


class UnknownKindError(JobError):
    """Nobody here runs this kind of job; update the worker."""


class WorkerStoppedError(Exception):
    """The worker is to end; the job goes back as it was."""


class UnfinishedError(Exception):
    """A runner returned without `Report.finish`: mend the runner."""


@dataclass(slots=True)
class Report:
    """How a runner tells where it is; each report renews the lease."""

    store: Store
    clock: Callable[[], datetime]
    job: Job
    lease_seconds: int
    stopping: Callable[[], bool]
    _said: Progress = field(default_factory=Progress)
    _said_at: float = 0

    def __call__(self, step: str, done: int = 0, total: int = 0) -> None:
        """Tell how far the job is, `done` of `total`; stored for each new step and within one once a second.

        Call it outside transactions. Raises `JobCancelledError`, `LeaseLostError` or `WorkerStoppedError`: let it
        pass, and keep nothing.
        """
        if self.stopping():
            raise WorkerStoppedError("the worker is to end")
        now = self.clock().timestamp()
        if step == self._said.step and 0 <= now - self._said_at < REPORT_SECONDS:  # a clock may be set back
            return
        progress = Progress(step, done, total)
        with self.store.begin() as unit:
            unit.jobs.report(self.job, progress, int(now) + self.lease_seconds)
        self._said, self._said_at = progress, now

    def finish(self, unit: Unit, outcome: Mapping[str, Json]) -> None:
        """Say that the job is done, with ids and hashes only, in the transaction that stores its result.

        Raises `JobCancelledError` or `LeaseLostError`: the transaction must not be kept.
        """
        unit.jobs.finish(self.job, canonical_json(outcome), int(self.clock().timestamp()))


Runner = Callable[[Job, Report], object]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a worker tells of one attempt: the job's state after it, and nothing of parameters or outcome."""

    kind: str
    state: JobState
    seconds: float
    error: Exception | None


@dataclass(frozen=True, slots=True)
class Worker:
    """Runs jobs, one at a time; any number of workers run beside each other.

    Attributes:
        kinds: who runs which kind of job.
        lease_seconds: how long a job stays ours without a report.
        tell: is told of each attempt, with whatever error ended it, for the log.
        stopping: whether the worker is to end; its job then goes back at its next report.
    """

    store: Store
    clock: Callable[[], datetime]
    kinds: Mapping[str, Runner]
    lease_seconds: int = LEASE_SECONDS
    tell: Callable[[Attempt], object] = lambda _: None
    stopping: Callable[[], bool] = lambda: False

    def run_one(self) -> bool:
        """Run the next job that is due; return False when there is none.

        Raises `RecordsUnavailableError` when the database does not even take the verdict: the lease then runs out.
        """
        now = self._now()
        with self.store.begin() as unit:
            job = unit.jobs.take(secrets.token_hex(16), now, now + self.lease_seconds)
        if job is None:
            return False
        started = self.clock()
        error = self._run(job)
        state = self._settled(job, error)
        finished = state is JobState.DONE and isinstance(error, UnfinishedError)
        seconds = (self.clock() - started).total_seconds()
        self.tell(Attempt(job.kind, state, seconds, None if finished else error))
        return True

    def _run(self, job: Job) -> Exception:
        """Run a job; return what ended it, `UnfinishedError` where nothing did."""
        report = Report(self.store, self.clock, job, self.lease_seconds, self.stopping)
        try:
            self._runner(job.kind)(job, report)
        except Exception as error:  # noqa: BLE001  # whatever it was, the job must not be left behind; `tell` gets it
            return error
        return UnfinishedError("the runner returned without finishing its job")

    def _runner(self, kind: str) -> Runner:
        if kind not in self.kinds:
            raise UnknownKindError("this worker knows no such kind of job: update it")
        return self.kinds[kind]

    def _settled(self, job: Job, error: Exception) -> JobState:
        """Settle a job that is still ours, which a finished one is not; return its state."""
        with suppress(LeaseLostError), self.store.begin() as unit:
            self._settle(unit, job, error)
        with self.store.reading() as unit:
            return unit.jobs.get(job.id).state

    def _settle(self, unit: Unit, job: Job, error: Exception) -> None:
        now, again = self._now(), job.attempts < MAX_ATTEMPTS
        asked_to_end = unit.jobs.get(job.id).cancel_requested
        match error:
            case _ if asked_to_end or isinstance(error, JobCancelledError):
                unit.jobs.give_up(job, now)
            case WorkerStoppedError():
                unit.jobs.put_back(job, now, counted=False)
            case RecordsUnavailableError() | LedgerUnavailableError() | KeysUnavailableError() if again:
                unit.jobs.put_back(job, now + RETRY_SECONDS[job.attempts - 1])
            case ConsentError() | VaultError() | AnalyticsError():
                unit.jobs.fail(job, str(error), now)
            case _:
                unit.jobs.fail(job, FAILED, now)

    def _now(self) -> int:
        return int(self.clock().timestamp())
