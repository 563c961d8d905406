"""Aggregates: people by fifth of the estimated risk, noisy and bounded, and only of people who allow predictions."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from analytics.cohort import CohortQuery
from consent.domain.terms import Operation
from consent.services.studies.aggregating import FIFTHS, Aggregating
from consent.services.studies.count_budget import CountBudget, CountRefusedError, CountRules
from consent.services.studies.serving import ModelRefusedError, PredictionRefusedError
from tests.services.house import STUDY, House, Template
from tests.services.served import BEDSIDE, allow, built, predict, size

ELDERLY = {"version": 1, "index": {"day": "2020-06-15"}, "where": {"demographics": {"age": [60, None]}}}


@pytest.fixture(scope="module")
def served(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people allow training and predictions, and the first release is ACTIVE."""
    return built(template, tmp_path_factory.mktemp("served") / "home")


@pytest.fixture
def house(served: Template, tmp_path: Path) -> Iterator[House]:
    with House.copied(served, tmp_path / "home") as opened:
        yield opened


def quiet(house: House) -> Aggregating:
    """Return the service with noise too small to change a count."""
    rules = CountRules(epsilon=50, budget=200)
    return replace(house.open.aggregating, budget=CountBudget(house.open.log, rules))


def test_each_fifth_has_as_many_people_as_predictions_say_in_fives_or_is_not_told(house: House) -> None:
    probabilities = [predict(house, person).probability for person in house.people[:50]]
    cells = Counter(min(int(p * FIFTHS), FIFTHS - 1) for p in probabilities)
    found = quiet(house).aggregate(BEDSIDE, house.clock())
    wanted = [cells[n] for n in range(FIFTHS)]
    assert found.people == tuple(None if n < 10 else 5 * round(n / 5) for n in wanted)
    assert None in found.people
    assert (found.release, found.epsilon) == (1, 50)


def test_only_people_who_allow_predictions_are_read_and_each_is_an_entry(house: House) -> None:
    allow(house, house.people[-1], operations=frozenset({Operation.TRAIN}))
    house.stop(house.people[0])
    before = size(house)
    house.open.aggregating.aggregate(BEDSIDE, house.clock())
    *reads, count = house.log(before)
    assert {entry["subject"] for entry in reads if entry["verdict"] == "PERMIT"} == set(house.people[1:50])
    assert {entry["operation"] for entry in reads} == {"predict"}
    assert {entry["actor"] for entry in reads} == {f"study:{BEDSIDE}"}
    assert (count["action"], count["study"], count["facts"]["epsilon"]) == ("count", BEDSIDE, 0.5)
    assert not any("outcomes" in entry.get("categories", ()) for entry in reads)


def test_the_same_question_is_answered_alike_and_reads_nobody_again(house: House) -> None:
    first = house.open.aggregating.aggregate(BEDSIDE, house.clock())
    before = size(house)
    assert house.open.aggregating.aggregate(BEDSIDE, house.clock()) == first
    assert size(house) == before
    assert first.left == 2.5


def test_a_cohort_is_another_question_and_holds_only_who_is_in_it(house: House) -> None:
    everyone = quiet(house).aggregate(BEDSIDE, house.clock())
    nobody = json.dumps(ELDERLY | {"where": {"demographics": {"age": [200, None]}}})
    found = quiet(house).aggregate(BEDSIDE, house.clock(), CohortQuery.parse(nobody))
    assert found.people == (None,) * FIFTHS
    assert found.left == everyone.left - 50
    elderly = quiet(house).aggregate(BEDSIDE, house.clock(), CohortQuery.parse(json.dumps(ELDERLY)))
    assert sum(cell or 0 for cell in elderly.people) < sum(cell or 0 for cell in everyone.people)


def test_a_cohort_that_needs_what_the_study_never_asked_for_is_refused(house: House) -> None:
    before = size(house)
    leaf = {"condition": {"system": "http://snomed.info/sct", "codes": ["44054006"]}}
    query = CohortQuery.parse(json.dumps(ELDERLY | {"where": leaf}))
    with pytest.raises(PredictionRefusedError, match="CATEGORY"):
        house.open.aggregating.aggregate(BEDSIDE, house.clock(), query)
    assert size(house) == before


def test_a_spent_budget_reads_nobody_until_it_is_free_again(house: House) -> None:
    service = replace(house.open.aggregating, budget=CountBudget(house.open.log, CountRules(0.5, 0.5, 3600)))
    service.aggregate(BEDSIDE, house.clock())
    query, before = CohortQuery.parse(json.dumps(ELDERLY)), size(house)
    with pytest.raises(CountRefusedError, match="spent until"):
        service.aggregate(BEDSIDE, house.clock(), query)
    assert size(house) == before
    house.clock.ahead += timedelta(hours=1, seconds=1)
    house.follow()
    service.aggregate(BEDSIDE, house.clock(), query)


def test_what_is_not_served_is_not_aggregated(house: House) -> None:
    with pytest.raises(PredictionRefusedError, match="OPERATION"):
        house.open.aggregating.aggregate(STUDY.reference.id, house.clock())
    house.clock.ahead += timedelta(minutes=5)
    with pytest.raises(ModelRefusedError, match="LEDGER_STALE"):
        house.open.aggregating.aggregate(BEDSIDE, house.clock())
