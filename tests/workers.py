"""Databases for jobs, SQLite's and PostgreSQL's, and a worker in a process of its own that a test can kill.

    python -m tests.workers URL SECONDS_AHEAD LEASE_SECONDS

It prints a line once it is ready, waits for one, does what waits, and ends when nothing does. Each job leaves a row in
`runs` as it begins and one in `results` as it is done; neither table minds two.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Engine, MetaData, String, Table, insert, select

from consent.adapters.sql import SqlStore, metadata, open_records
from consent.ports import Job, Jobs
from consent.services.working import Report, Worker

ROOT: Final = Path(__file__).parents[1]
SQLITE: Final = "sqlite:///"
_marks = MetaData()
runs = Table("runs", _marks, Column("job", String(32)))
results = Table("results", _marks, Column("job", String(32)))


@dataclass(frozen=True)
class JobsDatabase:
    """One database, by its URL; `store` is this process's own connection."""

    url: str
    engine: Engine
    store: SqlStore

    @classmethod
    def opened(cls, url: str) -> "JobsDatabase":
        """Open a database."""
        engine = open_records(url)
        return cls(url, engine, SqlStore(engine))

    def make_tables(self) -> None:
        """Make what jobs and this module need, empty."""
        tables = [metadata.tables["jobs"], runs, results]
        for table in tables:
            table.drop(self.engine, checkfirst=True)
            table.create(self.engine)

    def marks(self, table: Table) -> list[str]:
        """Return the jobs that left a row in `runs` or `results`, in the order of their ids."""
        with self.engine.connect() as connection:
            return sorted(connection.scalars(select(table.c.job)))

    def jobs(self) -> list[Job]:
        """Return all jobs in the order of their ids."""
        with self.store.reading() as unit:
            jobs: Jobs = unit.jobs
            return sorted(jobs.everything(), key=lambda job: job.id)

    def workers(self, *ahead: float, lease_seconds: int = 30) -> "list[subprocess.Popen[str]]":
        """Start workers whose clocks are ahead by so many seconds; they begin at once when all are ready."""
        command = [sys.executable, "-m", "tests.workers", self.url]
        started = [
            subprocess.Popen(
                [*command, str(seconds), str(lease_seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            for seconds in ahead
        ]
        assert [worker.stdout.readline() for worker in started if worker.stdout] == ["ready\n"] * len(started)
        for worker in started:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        return started


def step_by_step(database: JobsDatabase, job: Job, report: Report) -> None:
    """Do a job in four steps of 10 ms, so that there are many moments to be killed at."""
    with database.store.begin() as unit:
        unit.connection.execute(insert(runs), {"job": job.id})
    for step in ("reading", "fitting", "evaluating", "storing"):
        report(step, 1, 4)
        time.sleep(0.01)
    with database.store.begin() as unit:
        unit.connection.execute(insert(results), {"job": job.id})
        time.sleep(0.01)
        report.finish(unit, {"job": job.id})
        time.sleep(0.01)


def main(url: str, ahead: str, lease_seconds: str) -> None:
    """Do what waits."""
    database = JobsDatabase.opened(url)

    def clock() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(ahead))

    def run(job: Job, report: Report) -> None:
        step_by_step(database, job, report)

    worker = Worker(database.store, clock, {"steps": run}, int(lease_seconds))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    while worker.run_one():
        pass
    database.engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
