"""Counts: only who allows being counted is opened, and what leaves is one noisy number under a budget."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import update

from analytics import CohortQuery
from consent.adapters.sql.tables import studies
from consent.ports import Store, Unit
from consent.services.studies.approved import StudyNotApprovedError
from consent.services.studies.count_budget import CountRefusedError, CountRules
from consent.services.studies.counting import Counting
from tests.services.house import INDEX, STUDY, House

ALLOWING = 40


def older_than(years: int) -> CohortQuery:
    """Return who is at least so old on the index day: of the first forty, everybody is 40 + their number."""
    where = {"demographics": {"age": [years, None]}}
    return CohortQuery.parse(json.dumps({"version": 1, "index": {"day": INDEX.isoformat()}, "where": where}))


@dataclass(frozen=True)
class Between:
    """The real store, and what happens just before a transaction that writes, once."""

    store: Store
    acts: list[Callable[[], object]]

    def begin(self) -> AbstractContextManager[Unit]:
        """Act, then begin."""
        if self.acts:
            self.acts.pop(0)()
        return self.store.begin()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture
def counting(house: House) -> Counting:
    """The first forty allow being counted; an answer costs 1 of 3."""
    house.open.preferences.prefer(house.people[:ALLOWING], house.clock(), counted=True)
    here = house.open.counting
    return replace(here, budget=replace(here.budget, rules=CountRules(epsilon=1.0, budget=3.0)))


def opened(house: House, first: int) -> list[str]:
    reads = [entry for entry in house.log(first) if entry["action"] == "read"]
    assert all((e["verdict"], e["operation"], e["study"]) == ("PERMIT", "count", "kidneys") for e in reads)
    return [entry["subject"] for entry in reads]


def test_only_who_allows_being_counted_is_opened_each_with_one_entry(house: House, counting: Counting) -> None:
    house.grant(*house.people[50:])  # a consent to train is none to be counted
    house.publish()
    before = house.state()
    counting.count("kidneys", older_than(50))
    assert sorted(opened(house, before.entries)) == sorted(house.people[:ALLOWING])
    named = {entry.get("subject") for entry in house.log(before.entries)}
    assert named == {*house.people[:ALLOWING], None}
    [counted] = [entry for entry in house.log(before.entries) if entry["action"] == "count"]
    assert counted["facts"]["question"] == older_than(50).id
    assert {tuple(e["categories"]) for e in house.log(before.entries) if e["action"] == "read"} == {("demographics",)}


def test_an_answer_is_near_the_truth_and_a_multiple_of_five(house: House, counting: Counting) -> None:
    counted = counting.count("kidneys", older_than(60))  # 20 of 40
    assert counted.people is None or (counted.people % 5 == 0 and 0 < counted.people < 50)
    assert counted.epsilon == 1.0
    assert counting.left("kidneys") == 2.0


def test_few_people_and_all_but_few_are_not_shown(house: House, counting: Counting) -> None:
    """Nobody is 130; everybody is 1: either cell is empty, and its noise above 10 once in 60,000 times."""
    assert counting.count("kidneys", older_than(130)).people is None
    assert counting.count("kidneys", older_than(1)).people is None


def test_an_answer_that_holds_is_told_again_and_opens_nobody(house: House, counting: Counting) -> None:
    first = counting.count("kidneys", older_than(60))
    before = house.state()
    assert [counting.count("kidneys", older_than(60)) for _ in range(5)] == [first] * 5
    assert house.state() == before


def test_beyond_the_budget_nobody_is_opened(house: House, counting: Counting) -> None:
    for years in (50, 55, 60):
        counting.count("kidneys", older_than(years))
    before = house.state()
    with pytest.raises(CountRefusedError, match="the budget is spent until"):
        counting.count("kidneys", older_than(65))
    assert house.state() == before


def test_a_category_that_the_study_never_asked_for_opens_nobody(house: House, counting: Counting) -> None:
    leaf = {"medication": {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "codes": ["1"]}}
    query = CohortQuery.parse(json.dumps({"version": 1, "index": {"first": leaf}, "where": {"all": []}}))
    before = house.state()
    with pytest.raises(CountRefusedError, match="never asked for"):
        counting.count("kidneys", query)
    assert house.state() == before


def test_only_a_study_as_it_was_approved_is_told_anything(house: House, counting: Counting) -> None:
    with pytest.raises(StudyNotApprovedError, match="register it"):
        counting.count("hearts", older_than(60))
    other = json.dumps(replace(STUDY, text="Something else.").to_json()).encode()
    with house.open.store.begin() as unit:
        unit.connection.execute(update(studies).values(definition=other))
    before = house.state()
    with pytest.raises(StudyNotApprovedError, match="not the one that was approved"):
        counting.count("kidneys", older_than(60))
    assert house.state() == before


def test_who_changes_their_mind_before_they_are_opened_is_not_opened(house: House, counting: Counting) -> None:
    leaving = house.people[0]
    store = Between(house.open.store, [lambda: house.open.preferences.prefer([leaving], house.clock(), counted=False)])
    before = house.state()
    replace(counting, store=store).count("kidneys", older_than(60))
    assert len(opened(house, before.entries)) == ALLOWING - 1
    assert leaving not in opened(house, before.entries)


def test_who_asks_to_be_erased_is_not_opened(house: House, counting: Counting) -> None:
    house.open.erasures.request(house.ask(house.people[0]))
    before = house.state()
    counting.count("kidneys", older_than(60))
    assert house.people[0] not in opened(house, before.entries)


def test_one_question_asked_twice_at_once_has_one_answer(house: House, counting: Counting) -> None:
    """The other asker comes first while this one has read already."""
    told: list[Any] = []
    store = Between(house.open.store, [lambda: None, lambda: told.append(counting.count("kidneys", older_than(60)))])
    assert [replace(counting, store=store).count("kidneys", older_than(60))] == told
    assert counting.left("kidneys") == 2.0


def test_two_counts_at_once_do_not_overspend(house: House, counting: Counting) -> None:
    for years in (50, 55):
        counting.count("kidneys", older_than(years))
    store = Between(house.open.store, [lambda: None, lambda: counting.count("kidneys", older_than(60))])
    with pytest.raises(CountRefusedError, match="spent"):
        replace(counting, store=store).count("kidneys", older_than(65))
    assert counting.left("kidneys") == 0
    assert sum(entry["action"] == "count" for entry in house.log()) == 3
