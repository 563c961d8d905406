"""`consentry local train`, `jobs`, `cancel` and `worker`: work is queued without a key, and done with them."""

import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from consent import wiring
from consent.adapters.logging_json import configure, logger
from consent.adapters.sql import SqlStore
from consent.cli.reading import file_text
from consent.domain.errors import ConsentError, JobError, RecordsUnavailableError
from consent.domain.hashing import Json
from consent.ports import Job, JobState
from consent.services.studies.approved import StudyNotApprovedError
from consent.services.studies.training_job import training_job
from consent.services.working import Attempt, Worker
from consent.settings import Databases, Settings
from consent.wiring import Installation
from vault import VaultError

POLL_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 0.2
LOOK_SECONDS: Final = 600.0
"""How often a worker looks whether a release is due to be trained anew."""


class JobEndedError(JobError):
    """The awaited job ended without a result; the message says why."""


def work(home: Path) -> None:
    """Do one job after another until SIGTERM or SIGINT."""
    configure("worker")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with wiring.opened(Settings.read(home)) as installation:
        logger().info("worker runs")
        worker = wiring.worker(installation, _say, stopping.is_set)
        look_at = time.monotonic()
        while not stopping.is_set():
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK_SECONDS
                _look(installation)
            stopping.wait(_step(worker))
        logger().info("worker stops")


def _look(installation: Installation) -> None:
    """Queue the trainings of releases that are due; what is in the way is there at the next look too, or gone."""
    try:
        if queued := installation.releasing.queue_due():
            logger().info("releases due", count=len(queued))
    except (ConsentError, VaultError) as error:
        logger().warning("releases not looked at", error=error)


def _step(worker: Worker) -> float:
    """Do one job, if there is one; return how many seconds to wait for the next."""
    try:
        return 0 if worker.run_one() else POLL_SECONDS
    except RecordsUnavailableError as error:
        logger().warning("records unavailable", error=error)
        return POLL_SECONDS


def _say(attempt: Attempt) -> None:
    facts = {"kind": attempt.kind, "state": attempt.state.value, "seconds": round(attempt.seconds, 3)}
    if attempt.error is None:
        logger().info("job ended", **facts)
    else:
        logger().warning("job ended", error=attempt.error, **facts)


def train(home: Path, study: str, dictionary: Path, rounds: int | None, cohort: Path | None, *, wait: bool) -> None:
    """Queue a training and print the job's id; with `wait` see it through."""
    text = file_text(dictionary, "the dictionary")
    query = file_text(cohort, "the cohort query") if cohort else ""
    chosen: dict[str, Json] = {} if rounds is None else {"rounds": rounds}
    with wiring.opened_records(home, Databases.read()) as store:
        job = training_job(study, text, chosen, wiring.utc_now(), query)
        with store.begin() as unit:
            if unit.studies.get(study) is None:
                raise StudyNotApprovedError("no such study is registered here: register it first")
            unit.jobs.add(job)
        sys.stdout.write(job.id + "\n")
        sys.stdout.flush()
        if wait:
            _require_done(_watched(store, job))


def _watched(store: SqlStore, job: Job) -> Job:
    """Show how far a job is, on standard error, until it is over."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("waiting", total=None)
        while not job.state.is_over:
            time.sleep(WATCH_SECONDS)
            with store.reading() as unit:
                job = unit.jobs.get(job.id)
            now = job.progress
            bar.update(task, description=now.step or job.state.value, completed=now.done, total=now.total or None)
    return job


def _require_done(job: Job) -> None:
    if job.state is not JobState.DONE:
        raise JobEndedError(job.failure or "the job was cancelled")
    Console(stderr=True).print(job.outcome.decode(), highlight=False, soft_wrap=True)


def show(home: Path) -> None:
    """List all jobs, newest first."""
    kept_whole = [Column(name, no_wrap=True) for name in ("job", "kind", "state", "queued")]
    table = Table(*kept_whole, "why", box=SIMPLE)
    with wiring.opened_records(home, Databases.read()) as store, store.reading() as unit:
        for job in unit.jobs.everything():
            queued = datetime.fromtimestamp(job.created, UTC)
            table.add_row(job.id, job.kind, _state_of(job), f"{queued:%m-%d %H:%M}Z", job.failure)
    Console().print(table)


def _state_of(job: Job) -> str:
    if job.state is not JobState.RUNNING:
        return job.state.value
    return "cancelling" if job.cancel_requested else job.progress.step or job.state.value


def cancel(home: Path, job_id: str) -> None:
    """Cancel a job that is not over; one that runs ends at its next step."""
    with wiring.opened_records(home, Databases.read()) as store, store.begin() as unit:
        state = unit.jobs.cancel(job_id, int(wiring.utc_now().timestamp()))
    told = {JobState.CANCELLED: "It is cancelled.", JobState.RUNNING: "Asked its worker; it ends at its next step."}
    Console().print(told.get(state, f"It is over already: {state.value}."))
