"""The worker: what ends a job how, what others may read of it, and a training that is done in its release's commit."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import migrations
from analytics import DictionaryError, ParametersError, RowsError
from consent import wiring
from consent.adapters.sql import SqlStore, open_records
from consent.domain.errors import ConsentError, LedgerUnavailableError, RecordsUnavailableError
from consent.domain.hashing import Json, sha256
from consent.ports import MAX_ATTEMPTS, Job, JobState, Progress
from consent.services.studies.training_job import TrainingJobError, training_job
from consent.services.working import FAILED, RETRY_SECONDS, Attempt, Report, Runner, Worker
from tests.services.house import DICTIONARY_TEXT, STUDY, Clock, House, Template
from vault import KeysUnavailableError, VaultError

START = datetime(2027, 1, 15, 8, tzinfo=UTC)


class Bench:
    """A records database, a clock that the test sets and a worker whose runner the test writes."""

    def __init__(self, path: Path) -> None:
        engine = open_records(path)
        migrations.upgrade(engine, "records")
        self.store = SqlStore(engine)
        self.now = START
        self.told: list[Attempt] = []
        self.stopping = False

    def queue(self, kind: str = "test") -> None:
        """Let a job wait."""
        second = int(self.now.timestamp())
        job = Job("ab" * 16, kind, b"{}", second, second)
        with self.store.begin() as unit:
            unit.jobs.add(job)

    def run(self, runner: Runner) -> Job:
        """Let a worker run what waits; return the one job."""
        Worker(
            self.store, lambda: self.now, {"test": runner}, tell=self.told.append, stopping=lambda: self.stopping
        ).run_one()
        return self.job()

    def job(self) -> Job:
        """Return the one job."""
        with self.store.reading() as unit:
            [job] = unit.jobs.everything()
            return job


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench with one job on it."""
    made = Bench(tmp_path / "records.sqlite")
    made.queue()
    yield made
    made.store.engine.dispose()


def raising(error: Exception) -> Runner:
    def run(_job: Job, _report: Report) -> None:
        raise error

    return run


def finishing(store: SqlStore) -> Runner:
    def run(_job: Job, report: Report) -> None:
        with store.begin() as unit:
            report.finish(unit, {"release": 1})

    return run


def test_a_finished_job_has_its_outcome_and_nothing_else_is_due(bench: Bench) -> None:
    job = bench.run(finishing(bench.store))
    assert (job.state, job.outcome) == (JobState.DONE, b'{"release":1}')
    assert bench.told == [Attempt("test", JobState.DONE, 0, None)]
    assert not Worker(bench.store, lambda: bench.now, {}).run_one()


def test_a_kind_that_nobody_runs_fails(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "records.sqlite")
    bench.queue("unheard-of")
    job = bench.run(finishing(bench.store))
    assert job.state is JobState.FAILED
    assert "no such kind" in job.failure
    bench.store.engine.dispose()


@pytest.mark.parametrize("kind", [ConsentError, VaultError, RowsError])
def test_an_error_of_ours_fails_a_job_with_its_sentence(bench: Bench, kind: type[Exception]) -> None:
    job = bench.run(raising(kind("ask more people")))
    assert (job.state, job.failure) == (JobState.FAILED, "ask more people")


def test_any_other_error_is_for_the_log_only(bench: Bench) -> None:
    error = ValueError("Ann Smith, born 1950")
    job = bench.run(raising(error))
    assert (job.state, job.failure) == (JobState.FAILED, FAILED)
    assert bench.told[0].error is error


@pytest.mark.parametrize("kind", [RecordsUnavailableError, LedgerUnavailableError, KeysUnavailableError])
def test_what_is_away_is_waited_for_longer_each_time_and_not_for_ever(bench: Bench, kind: type[Exception]) -> None:
    for attempt in range(1, MAX_ATTEMPTS):
        job = bench.run(raising(kind("away")))
        pause = RETRY_SECONDS[attempt - 1]
        assert (job.state, job.not_before) == (JobState.WAITING, bench.now.timestamp() + pause)
        bench.now += timedelta(seconds=pause)
    job = bench.run(raising(kind("away")))
    assert (job.state, job.failure) == (JobState.FAILED, "away")


def test_a_runner_that_forgets_to_finish_fails_its_job(bench: Bench) -> None:
    job = bench.run(lambda _job, _report: None)
    assert (job.state, job.failure) == (JobState.FAILED, FAILED)
    assert bench.told[0].error is not None


def test_an_error_after_the_finish_leaves_a_job_done_and_is_told(bench: Bench) -> None:
    def run(job: Job, report: Report) -> None:
        finishing(bench.store)(job, report)
        raise ValueError

    assert bench.run(run).state is JobState.DONE
    assert isinstance(bench.told[0].error, ValueError)


def test_progress_is_stored_for_each_step_and_within_one_once_a_second(bench: Bench) -> None:
    seen: list[Progress] = []

    def run(job: Job, report: Report) -> None:
        for step, done, later in (("fitting", 1, 0), ("fitting", 2, 0.9), ("fitting", 3, 0.2), ("storing", 0, 0)):
            bench.now += timedelta(seconds=later)
            report(step, done, 9)
            seen.append(bench.job().progress)
        finishing(bench.store)(job, report)

    bench.run(run)
    told = [("fitting", 1), ("fitting", 1), ("fitting", 3), ("storing", 0)]
    assert [(progress.step, progress.done) for progress in seen] == told


def test_a_worker_that_is_to_end_gives_its_job_back_at_the_next_report(bench: Bench) -> None:
    def run(_job: Job, report: Report) -> None:
        bench.stopping = True
        report("fitting")

    job = bench.run(run)
    assert (job.state, job.attempts) == (JobState.WAITING, 0)


def test_a_job_that_another_worker_took_is_left_to_it(bench: Bench) -> None:
    def run(job: Job, report: Report) -> None:
        with bench.store.begin() as unit:
            unit.jobs.take("c" * 32, job.lease_until, job.lease_until + 60)
        report("fitting")

    job = bench.run(run)
    assert (job.state, job.lease, job.attempts) == (JobState.RUNNING, "c" * 32, 2)


@pytest.fixture
def house(consenting: Template, tmp_path: Path) -> Iterator[House]:
    """An open copy in which fifty people consent."""
    with House.copied(consenting, tmp_path / "home") as opened:
        yield opened


CHOSEN: dict[str, Json] = {"rounds": 8, "depth": 2, "min_child_weight": 3}


def trained(house: House, study: str = STUDY.reference.id, clock: Clock | None = None) -> Job:
    """Queue a training and let a worker run it; return the job."""
    job = training_job(study, DICTIONARY_TEXT, CHOSEN, house.clock())
    with house.open.store.begin() as unit:
        unit.jobs.add(job)
    if clock:
        clock.at = {reading: lambda act=act: act(job) for reading, act in clock.at.items()}  # type: ignore[misc]
    assert wiring.worker(house.open, clock=clock or house.clock).run_one()
    with house.open.store.reading() as unit:
        return unit.jobs.get(job.id)


def releases(house: House) -> int:
    with house.open.store.reading() as unit:
        return len(unit.studies.releases(STUDY.reference.id))


def test_a_training_as_a_job_ends_with_its_release_and_a_signed_log(house: House) -> None:
    job = trained(house)
    assert job.state is JobState.DONE, job.failure
    with house.open.store.reading() as unit:
        [release] = unit.studies.releases(STUDY.reference.id)
        note = unit.log.latest_checkpoint()
        size = unit.log.size()
    assert json.loads(job.outcome) == {
        "study": "kidneys",
        "release": 1,
        "model": release.model_hash.hex(),
        "manifest": sha256(release.manifest).hex(),
        "suspended": [],
    }
    assert job.progress.step == "storing"
    assert note is not None
    assert note.splitlines()[1] == str(size)
    assert not [person for person in house.people if person in str(job)]


def test_a_training_of_a_study_that_nobody_registered_fails_with_its_sentence(house: House) -> None:
    job = trained(house, study="livers")
    assert job.state is JobState.FAILED
    assert "no such study" in job.failure
    assert releases(house) == 0


FIRST_REPORT, LAST_REPORT = 3, 7
"""Which readings of the worker's clock its reports take; the first two take the job."""


@pytest.mark.parametrize("reading", range(FIRST_REPORT, LAST_REPORT + 1))
def test_a_training_that_is_cancelled_before_it_stores_leaves_no_release(house: House, reading: int) -> None:
    def cancel(job: Job) -> None:
        with house.open.store.begin() as unit:
            assert unit.jobs.cancel(job.id, job.created) is JobState.RUNNING

    job = trained(house, clock=acting(reading, cancel))
    assert (job.state, job.outcome) == (JobState.CANCELLED, b"")
    assert releases(house) == 0


def test_a_training_that_lost_its_lease_stores_no_release_and_leaves_the_job_to_the_other(house: House) -> None:
    def take(job: Job) -> None:
        with house.open.store.begin() as unit:
            assert unit.jobs.take("c" * 32, job.created + 10_000, job.created + 20_000)

    job = trained(house, clock=acting(LAST_REPORT, take))
    assert (job.state, job.lease) == (JobState.RUNNING, "c" * 32)
    assert releases(house) == 0


def acting(reading: int, act: Callable[[Job], None]) -> Clock:
    """Return a worker's clock at one of whose readings something is done with the job."""
    return Clock(at={reading: act})  # type: ignore[dict-item]  # `trained` binds the job


@pytest.mark.parametrize(
    ("dictionary", "parameters", "error"),
    [
        ("no = 'dictionary'", {}, DictionaryError),
        (DICTIONARY_TEXT, {"rounds": 0}, ParametersError),
        (DICTIONARY_TEXT, {"rounds": "many"}, TrainingJobError),
        (DICTIONARY_TEXT, {"trees": 5}, TrainingJobError),
    ],
)
def test_what_no_worker_could_train_is_not_queued(
    dictionary: str, parameters: dict[str, Json], error: type[Exception]
) -> None:
    with pytest.raises(error):
        training_job("kidneys", dictionary, parameters, START)
