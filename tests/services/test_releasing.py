"""Releases: who left is known without opening anybody, and what is due is trained anew, without them, exactly."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics import CohortQuery
from analytics.apart import fit_apart
from consent import wiring
from consent.adapters.sql.tables import releases
from consent.domain.terms import Category, SubjectId
from consent.ports import JobState, ModelStatus, Revocations
from consent.services.studies.departures import Departures
from consent.services.studies.release_history import Change, what_changed
from consent.services.studies.releasing import ReleaseRules, ReleaseState, ReleaseUnknownError, Releasing
from consent.services.studies.training import Trained
from tests.services.house import DICTIONARY, INDEX, PARAMETERS, House, Template

CONSENTING = 50


@pytest.fixture
def house(consenting: Template, tmp_path: Path) -> Iterator[House]:
    """An open copy in which fifty people consent."""
    with House.copied(consenting, tmp_path / "home") as opened:
        yield opened


def train(house: House, cohort: CohortQuery | None = None) -> Trained:
    trained = house.open.training.train("kidneys", DICTIONARY, PARAMETERS, cohort=cohort)
    house.publish()
    return trained


def later(house: House, changes: int = 10, days: int = 30) -> Releasing:
    """Return the service for a moved clock, whose ledger nobody reads meanwhile."""
    return replace(house.open.releasing, max_staleness=10**9, rules=ReleaseRules(changes, days))


def state(house: House) -> ReleaseState:
    found = later(house).state("kidneys")
    assert found is not None
    return found


def left(house: House) -> tuple[int, int, int]:
    departed = state(house).departed
    return departed.stopped, departed.expired, departed.erased


def stop(house: House, *subjects: SubjectId) -> None:
    for subject in subjects:
        house.stop(subject)
    house.publish()


def run_jobs(house: House) -> list[dict[str, Any]]:
    """Let a worker do what waits, and the ledger's side what came of it; return the outcomes, newest first."""
    worker = wiring.worker(house.open, clock=house.clock)
    while worker.run_one():
        pass
    house.publish()
    with house.open.store.reading() as unit:
        return [json.loads(job.outcome or b"{}") for job in unit.jobs.everything()]


def test_a_release_that_nobody_left_is_not_due(house: House) -> None:
    train(house)
    assert state(house) == ReleaseState(1, ModelStatus.ACTIVE, CONSENTING, Departures(), arrivals=0, why=())
    assert house.open.releasing.queue_due() == []


def test_a_study_without_a_release_has_no_state(house: House) -> None:
    assert house.open.releasing.state("kidneys") is None
    assert house.open.releasing.queue_due() == []


def test_who_left_is_told_by_why_and_nobody_is_opened_or_named_for_it(house: House) -> None:
    train(house)
    stop(house, *house.people[:3])
    house.erase(house.people[3])
    house.open.erasures.request(house.ask(house.people[4]))
    [entry] = house.open.book.entries(house.people[5])
    row = house.open.projection.rows[entry.patient, entry.commitment]
    ended = int(house.clock().timestamp()) - 60
    house.open.projection.rows[entry.patient, entry.commitment] = replace(row, expires=ended)
    before = house.state()
    departed = state(house).departed
    assert (departed.stopped, departed.expired, departed.erased) == (3, 1, 2)
    assert departed.since == ended
    assert house.state() == before


def test_a_revocation_past_this_installation_counts_and_so_does_a_new_consent_instead_of_the_old(house: House) -> None:
    train(house)
    leaving = house.people[0]
    [entry] = house.open.book.entries(leaving)
    own = house.wallets[leaving].revoke(entry.commitment, house.open.ledger.domain)
    house.open.ledger.send(Revocations([own]))
    house.follow()
    assert left(house) == (1, 0, 0)
    since = state(house).departed.since
    assert since is not None
    assert abs(since - house.clock().timestamp()) < 120
    house.grant(leaving, categories=frozenset({Category.DEMOGRAPHICS, Category.OUTCOMES}))
    house.publish()
    assert house.verdict(leaving) == "PERMIT"
    assert left(house) == (1, 0, 0), "the row rests on the consent that ended"


def test_a_second_consent_beside_the_first_is_no_departure(house: House) -> None:
    train(house)
    house.grant(house.people[0])
    house.publish()
    assert left(house) == (0, 0, 0)


def test_who_came_is_counted(house: House) -> None:
    train(house)
    house.grant(*house.people[-4:])
    house.publish()
    assert state(house).arrivals == 4
    assert not state(house).due


def test_a_release_is_due_after_ten_departures(house: House) -> None:
    train(house)
    stop(house, *house.people[:9])
    assert not state(house).due
    stop(house, house.people[9])
    assert state(house).why == ("10 people or more left it",)


def test_a_release_is_due_some_days_after_the_first_departure(house: House) -> None:
    train(house)
    house.clock.ahead = timedelta(days=100)
    assert not state(house).due, "age alone is no reason"
    house.clock.ahead = timedelta()
    stop(house, house.people[0])
    house.clock.ahead = timedelta(days=29)
    assert not state(house).due
    house.clock.ahead = timedelta(days=30, minutes=5)
    assert state(house).why == ("the first of those who left did so 30 days ago or more",)


def test_one_erased_person_makes_a_release_due_within_the_deadline_whatever_the_settings(house: House) -> None:
    train(house)
    house.open.erasures.request(house.ask(house.people[0]))
    house.clock.ahead = timedelta(days=26)
    assert later(house, days=400).state("kidneys").why == ()  # type: ignore[union-attr]  # there is a release
    house.clock.ahead = timedelta(days=27, minutes=5)
    assert later(house, days=400).state("kidneys").due  # type: ignore[union-attr]  # likewise


def test_what_is_due_is_trained_anew_once_without_those_who_left_exactly(house: House) -> None:
    first, leaving = train(house), house.people[:10]
    stop(house, *leaving)
    assert [house.open.releasing.queue_due() for _ in range(3)] == [["kidneys"], [], []]
    [outcome] = run_jobs(house)
    assert (outcome["study"], outcome["release"]) == ("kidneys", 2)
    with house.open.store.reading() as unit:
        _, second = unit.studies.releases("kidneys")
    never_known = fit_apart([row.row for row in first.rows if row.subject not in leaving], PARAMETERS)
    assert second.model == never_known != first.stored.model
    assert (second.dictionary, second.cohort) == (first.stored.dictionary, first.stored.cohort)
    assert house.open.ledger.model_status(first.stored.model_hash) is ModelStatus.RETIRED
    assert house.open.ledger.model_status(second.model_hash) is ModelStatus.ACTIVE
    assert state(house) == ReleaseState(2, ModelStatus.ACTIVE, 40, Departures(), arrivals=0, why=())
    assert house.open.releasing.queue_due() == []


def test_a_cohort_is_kept_from_release_to_release(house: House) -> None:
    where = {"demographics": {"age": [42, None]}}
    query = CohortQuery.parse(json.dumps({"version": 1, "index": {"day": INDEX.isoformat()}, "where": where}))
    first = train(house, query)
    assert first.manifest.rows < CONSENTING
    stop(house, *[row.subject for row in first.rows[:10]])
    house.open.releasing.queue_due()
    run_jobs(house)
    with house.open.store.reading() as unit:
        _, second = unit.studies.releases("kidneys")
    assert second.cohort == query.to_bytes().decode()
    assert json.loads(second.manifest)["rows"] == first.manifest.rows - 10


def test_where_too_few_are_left_the_release_is_retired_all_the_same(house: House) -> None:
    first = train(house)
    stop(house, *house.people[:48])
    assert house.open.releasing.queue_due() == ["kidneys"]
    before = house.state()
    assert run_jobs(house) == [{"study": "kidneys", "retired": 1}]
    assert house.open.ledger.model_status(first.stored.model_hash) is ModelStatus.RETIRED
    [said] = [entry for entry in house.log(before.entries) if entry.get("verdict") == "TOO_FEW_ROWS"]
    assert said["facts"] == {"release": 1, "model": first.stored.model_hash.hex()}
    assert house.open.releasing.state("kidneys") is None
    assert house.open.releasing.queue_due() == []


def test_a_training_that_failed_is_tried_again_a_day_later(house: House) -> None:
    train(house)
    stop(house, *house.people[:10])
    house.open.releasing.queue_due()
    with house.open.store.begin() as unit:
        [job] = unit.jobs.everything()
        assert unit.jobs.cancel(job.id, int(house.clock().timestamp())) is JobState.CANCELLED
    house.clock.ahead = timedelta(hours=23)
    assert later(house).queue_due() == []
    house.clock.ahead = timedelta(hours=25)
    assert later(house).queue_due() == ["kidneys"]


def test_while_the_ledger_is_not_read_nothing_is_said_or_queued(house: House) -> None:
    train(house)
    stop(house, *house.people[:10])
    house.clock.ahead = timedelta(hours=1)
    with pytest.raises(ReleaseUnknownError, match="LEDGER_STALE"):
        house.open.releasing.state("kidneys")
    assert house.open.releasing.queue_due() == []


def test_a_release_of_a_version_before_says_that_it_has_to_be_trained_by_hand(house: House) -> None:
    train(house)
    with house.open.store.begin() as unit:
        unit.connection.execute(releases.update().values(dictionary=""))
    with pytest.raises(ReleaseUnknownError, match="train the study anew"):
        house.open.releasing.state("kidneys")
    assert house.open.releasing.queue_due() == []


def test_a_history_tells_figures_and_what_changed_and_no_small_count(house: House) -> None:
    train(house)
    stop(house, *house.people[:12])
    house.erase(house.people[12])
    house.grant(*house.people[-3:])
    house.publish()
    train(house)
    before = house.state()
    first, second = house.open.release_history.of("kidneys")
    assert house.state() == before
    assert (first.status, second.status) == (ModelStatus.RETIRED, ModelStatus.ACTIVE)
    assert (first.rows, second.rows, first.change, second.change) == (50, 40, None, Change(left=15, came=None))
    [sentence] = what_changed([first, second])
    assert "rows that left: about 15, rows that came: fewer than 10" in sentence
    assert f"AUROC {first.auroc:.3f} to {second.auroc:.3f}" in sentence
    assert "another dictionary" not in sentence
    assert "another dictionary or cohort" in what_changed([first, replace(second, asked=("", ""))])[0]
    assert house.open.release_history.of("hearts") == []
