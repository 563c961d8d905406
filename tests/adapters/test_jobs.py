"""Jobs: each is done once, whoever dies when. One suite for SQLite and for a real PostgreSQL."""

import random
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from consent.adapters.sql.jobs import SqlJobs
from consent.domain.errors import JobCancelledError, LeaseLostError, UnknownJobError
from consent.ports import MAX_ATTEMPTS, WORN_OUT, Job, JobState, Progress, Unit
from tests.databases import KINDS, fresh_database
from tests.workers import SQLITE, JobsDatabase, results, runs

NOW = 1_800_000_000
LEASE = 300


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobsDatabase]:
    """A database without jobs."""
    on_sqlite = request.param == "sqlite"
    opened = JobsDatabase.opened(f"{SQLITE}{tmp_path / 'records.sqlite'}" if on_sqlite else fresh_database())
    opened.make_tables()
    yield opened
    opened.engine.dispose()


def queued(database: JobsDatabase, not_before: int = NOW, created: int = NOW) -> Job:
    job = Job(secrets.token_hex(16), "steps", b'{"a":1}', created, not_before)
    with database.store.begin() as unit:
        unit.jobs.add(job)
    return job


def take(database: JobsDatabase, now: int = NOW) -> Job | None:
    with database.store.begin() as unit:
        return unit.jobs.take(secrets.token_hex(16), now, now + LEASE)


def taken(database: JobsDatabase, now: int = NOW) -> Job:
    job = take(database, now)
    assert job is not None
    return job


def stored(database: JobsDatabase, job: Job) -> Job:
    with database.store.reading() as unit:
        return unit.jobs.get(job.id)


def cancel(database: JobsDatabase, job: Job) -> JobState:
    with database.store.begin() as unit:
        return unit.jobs.cancel(job.id, NOW)


def finish(database: JobsDatabase, job: Job) -> None:
    with database.store.begin() as unit:
        unit.jobs.finish(job, b"{}", NOW + 1)


def test_a_job_goes_round_from_queued_to_done(database: JobsDatabase) -> None:
    job = queued(database)
    assert stored(database, job) == job
    mine = taken(database)
    assert mine == replace(job, state=JobState.RUNNING, attempts=1, lease=mine.lease, lease_until=NOW + LEASE)
    with database.store.begin() as unit:
        unit.jobs.finish(mine, b'{"release":1}', NOW + 9)
    done = replace(job, state=JobState.DONE, attempts=1, finished=NOW + 9, outcome=b'{"release":1}')
    assert stored(database, job) == done
    assert take(database, NOW + 10 * LEASE) is None


def test_the_job_that_is_due_longest_comes_first_and_no_job_comes_early(database: JobsDatabase) -> None:
    late, early = queued(database, NOW + 5), queued(database)
    assert taken(database).id == early.id
    assert take(database, NOW + 4) is None
    assert taken(database, NOW + 5).id == late.id
    assert {job.id for job in database.jobs()} == {early.id, late.id}


def test_jobs_are_listed_newest_first(database: JobsDatabase) -> None:
    jobs = [queued(database, created=NOW + second) for second in (2, 9, 5)]
    with database.store.reading() as unit:
        assert [job.created - NOW for job in unit.jobs.everything()] == [9, 5, 2]
    assert len(jobs) == 3


def test_a_job_is_taken_again_when_its_lease_ran_out_and_not_before(database: JobsDatabase) -> None:
    queued(database)
    first = taken(database)
    assert take(database, NOW + LEASE - 1) is None
    second = taken(database, NOW + LEASE)
    assert (second.id, second.attempts) == (first.id, 2)
    assert second.lease != first.lease


def test_a_report_renews_the_lease_and_is_seen_on_another_connection(database: JobsDatabase) -> None:
    queued(database)
    mine = taken(database)
    with database.store.begin() as unit:
        unit.jobs.report(mine, Progress("fitting", 30, 150), NOW + 2 * LEASE)
    other = JobsDatabase.opened(database.url)
    assert stored(other, mine).progress == Progress("fitting", 30, 150)
    assert take(other, NOW + LEASE) is None
    other.engine.dispose()


@pytest.mark.parametrize(
    "act",
    [
        lambda unit, job: unit.jobs.report(job, Progress("fitting"), NOW + 9 * LEASE),
        lambda unit, job: unit.jobs.finish(job, b"{}", NOW),
        lambda unit, job: unit.jobs.fail(job, "no", NOW),
        lambda unit, job: unit.jobs.give_up(job, NOW),
        lambda unit, job: unit.jobs.put_back(job, NOW),
    ],
    ids=["report", "finish", "fail", "give_up", "put_back"],
)
def test_who_lost_the_lease_changes_nothing(database: JobsDatabase, act: Callable[[Unit, Job], None]) -> None:
    queued(database)
    late, mine = taken(database), taken(database, NOW + LEASE)
    with pytest.raises(LeaseLostError), database.store.begin() as unit:
        act(unit, late)
    assert stored(database, mine) == mine
    finish(database, mine)
    over = stored(database, mine)
    for job in (late, mine):
        with pytest.raises(LeaseLostError), database.store.begin() as unit:
            act(unit, job)
    assert stored(database, mine) == over


def test_a_lease_that_ran_out_and_that_nobody_took_up_still_finishes(database: JobsDatabase) -> None:
    queued(database)
    mine = taken(database)
    with database.store.begin() as unit:
        unit.jobs.finish(mine, b"{}", NOW + 2 * LEASE)
    assert stored(database, mine).state is JobState.DONE


def test_what_undoes_the_result_undoes_the_finish(database: JobsDatabase) -> None:
    queued(database)
    mine = taken(database)

    def fail_late() -> None:
        with database.store.begin() as unit:
            unit.jobs.finish(mine, b"{}", NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert stored(database, mine) == mine


def test_a_job_that_outlived_three_workers_is_failed(database: JobsDatabase) -> None:
    job, next_one = queued(database), queued(database, NOW + MAX_ATTEMPTS * LEASE)
    for attempt in range(MAX_ATTEMPTS):
        assert taken(database, NOW + attempt * LEASE).attempts == attempt + 1
    assert taken(database, NOW + MAX_ATTEMPTS * LEASE).id == next_one.id
    failed = stored(database, job)
    assert (failed.state, failed.failure) == (JobState.FAILED, WORN_OUT)


def test_a_job_that_was_put_back_waits_and_counts_unless_told_not_to(database: JobsDatabase) -> None:
    queued(database)
    mine = taken(database)
    with database.store.begin() as unit:
        unit.jobs.put_back(mine, NOW + 60)
    assert take(database, NOW + 59) is None
    again = taken(database, NOW + 60)
    assert again.attempts == 2
    with database.store.begin() as unit:
        unit.jobs.put_back(again, NOW + 60, counted=False)
    assert taken(database, NOW + 60).attempts == 2


def test_a_waiting_job_is_cancelled_at_once(database: JobsDatabase) -> None:
    job = queued(database)
    assert cancel(database, job) is JobState.CANCELLED
    assert take(database, NOW + LEASE) is None
    assert stored(database, job).finished == NOW


def test_who_runs_a_cancelled_job_learns_it_and_keeps_nothing(database: JobsDatabase) -> None:
    job = queued(database)
    mine = taken(database)
    assert cancel(database, job) is JobState.RUNNING
    with pytest.raises(JobCancelledError), database.store.begin() as unit:
        unit.jobs.report(mine, Progress("fitting"), NOW + LEASE)
    with pytest.raises(JobCancelledError):
        finish(database, mine)
    with database.store.begin() as unit:
        unit.jobs.give_up(mine, NOW + 3)
    assert (stored(database, job).state, stored(database, job).finished) == (JobState.CANCELLED, NOW + 3)


@pytest.mark.parametrize("put_back", [False, True])
def test_a_cancelled_job_whose_worker_is_gone_is_not_taken_again(database: JobsDatabase, *, put_back: bool) -> None:
    job = queued(database)
    mine = taken(database)
    cancel(database, job)
    if put_back:
        with database.store.begin() as unit:
            unit.jobs.put_back(mine, NOW)
    assert take(database, NOW + LEASE) is None
    assert stored(database, job).state is JobState.CANCELLED


def test_what_is_over_stays_and_what_is_not_there_is_told(database: JobsDatabase) -> None:
    job = queued(database)
    finish(database, taken(database))
    assert cancel(database, job) is JobState.DONE
    unknown = replace(job, id="0" * 32)
    with pytest.raises(UnknownJobError):
        stored(database, unknown)
    with pytest.raises(UnknownJobError):
        cancel(database, unknown)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_lets_two_take_at_once_without_waiting_for_each_other(database: JobsDatabase) -> None:
    jobs = {queued(database).id for _ in range(2)}
    with ExitStack() as stack:
        # Beneath the store, which lets one write at a time.
        one, two, three = (SqlJobs(stack.enter_context(database.engine.begin())) for _ in range(3))
        pair = [taker.take(secrets.token_hex(16), NOW, NOW + LEASE) for taker in (one, two)]
        assert {job.id for job in pair if job} == jobs
        assert three.take(secrets.token_hex(16), NOW, NOW + LEASE) is None


@pytest.mark.parametrize("count", [2, 8])
def test_workers_beside_each_other_never_run_one_job_twice(database: JobsDatabase, count: int) -> None:
    jobs = sorted(queued(database).id for _ in range(24))
    for worker in database.workers(*[NOW] * count):
        worker.communicate()
    assert database.marks(runs) == jobs
    assert database.marks(results) == jobs
    assert {(job.state, job.attempts) for job in database.jobs()} == {(JobState.DONE, 1)}


def test_workers_whose_clocks_disagree_take_from_each_other_and_still_finish_once(database: JobsDatabase) -> None:
    """Each believes the other's leases long gone, so that many results are thrown away and none is kept twice."""
    for _ in range(12):
        queued(database)
    for worker in database.workers(NOW, NOW + 1000, NOW + 2000, lease_seconds=1):
        worker.communicate()
    # Whoever outran the others may have left jobs under a lease that ends in its own future.
    database.workers(NOW + 9000)[0].communicate()
    assert len(database.marks(runs)) > 12, "nothing was taken from anyone: the test shows nothing"
    require_each_ended_once(database)


def require_each_ended_once(database: JobsDatabase) -> None:
    jobs = database.jobs()
    assert {job.state for job in jobs} <= {JobState.DONE, JobState.FAILED}
    assert database.marks(results) == [job.id for job in jobs if job.state is JobState.DONE]
    assert {job.failure for job in jobs if job.state is JobState.FAILED} <= {WORN_OUT}


def kill_at_random_moments(database: JobsDatabase, rng: random.Random, kills: int) -> None:
    """Kill one worker after another; each next one's clock is where the leases of the one before have run out."""
    for _ in range(4 * kills):
        queued(database)
    for number in range(kills):
        [worker] = database.workers(NOW + 100 * number)
        time.sleep(rng.uniform(0, 0.25))
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        assert len(set(database.marks(results))) == len(database.marks(results))
    database.workers(NOW + 100 * kills)[0].communicate()
    require_each_ended_once(database)


def test_five_killed_workers_leave_each_job_done_once(database: JobsDatabase) -> None:
    kill_at_random_moments(database, random.Random(20261125), 5)


@pytest.mark.soak
def test_thirty_killed_workers_leave_each_job_done_once(database: JobsDatabase) -> None:
    kill_at_random_moments(database, random.Random(), 30)
