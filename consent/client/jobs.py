"""Work that the hospital's worker does: how far it is, and what came of it."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from consent.client import answers
from consent.client.errors import ApiError, RefusedError, ServerError, as_line
from consent.client.paths import at
from consent.client.progress import Show, bar
from consent.client.transport import Transport

LOOK_SECONDS: Final = 1.0
_GOING_ON: Final = frozenset({"waiting", "running"})


@dataclass(frozen=True, slots=True)
class Step:
    """How far a job is: what it does, and `done` of `total`, both 0 where nobody counts."""

    step: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands; times in Unix seconds.

    Attributes:
        id: 32 hex digits.
        kind: train, retrain or aggregate.
        study: for which.
        state: waiting, running, done, failed or cancelled.
        progress: how far it is.
        created: when it was queued.
        finished: when it was over.
        outcome: once done, what came of it.
        failure: once failed, why.
    """

    id: str
    kind: str
    study: str
    state: str
    progress: Step
    created: int
    finished: int | None
    outcome: Mapping[str, Any] | None
    failure: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing comes after this state."""
        return self.state not in _GOING_ON

    def result(self) -> Mapping[str, Any]:
        """Return what came of it; raise the error that says why nothing did."""
        if self.outcome is None:
            raise _without_result(self)
        return self.outcome


@dataclass(slots=True)
class Work:
    """A job that may be looked at, waited for and cancelled; `job` is how it stood at the last look."""

    transport: Transport
    job: Job
    pause: Callable[[float], object] = field(default=time.sleep, repr=False)

    def look(self) -> Job:
        """Ask how far it is."""
        self.job = answers.read(Job, self.transport.get(at("jobs", self.job.id)))
        return self.job

    def finished(self, show: Callable[[str], AbstractContextManager[Show]] = bar) -> Job:
        """Wait until it is over, however it ended.

        `show(title)` gives what tells how far it is: a bar on standard error, where that is a terminal.
        """
        with show(f"{self.job.study}: {self.job.kind}") as tell:
            while not self.job.is_over:
                tell(as_line(self.job.progress.step), self.job.progress.done, self.job.progress.total)
                self.pause(LOOK_SECONDS)
                self.look()
        return self.job

    def cancel(self, *, key: str | None = None) -> Job:
        """Ask that it end; a worker that is at it ends at its next step."""
        self.job = answers.read(Job, self.transport.post(at("jobs", self.job.id, "cancel"), key=key))
        return self.job


def _without_result(job: Job) -> ApiError:
    if not job.is_over:
        return ServerError("the job is not over: wait for it")
    if job.state == "cancelled":
        return RefusedError("the job was cancelled, and nothing came of it")
    return RefusedError(f"nothing came of the job: {as_line(job.failure) or 'ask the operator why'}")
