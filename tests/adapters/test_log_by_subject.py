"""What the log says about one person is found without reading the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from consent.adapters.sql import SqlStore, open_records
from consent.domain.entry import Action, Entry
from consent.domain.terms import SubjectId
from consent.ports import EVERYTHING, HOUSE, RECEIPTED, Sieve
from consent.services.portal.activity import SIEVES, Shown
from tests.databases import KINDS, new_records

ANN, BEN, NOBODY = SubjectId("a" * 32), SubjectId("b" * 32), SubjectId("c" * 32)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A records database with a short log."""
    engine = open_records(new_records(request.param, tmp_path))
    opened = SqlStore(engine)
    with opened.begin() as unit:
        unit.log.append([entry.placed(index) for index, entry in enumerate(ENTRIES)])
    yield opened
    engine.dispose()


ENTRIES = [
    Entry(1, "patient", Action.GRANT, "PERMIT", ANN, facts={"note": f'"subject":"{BEN}"'}),
    Entry(2, "operator", Action.KEYS, "TURNED"),
    Entry(3, "study:kidneys", Action.READ, "PERMIT", BEN, "kidneys", "train"),
    Entry(4, "study:kidneys", Action.READ, "PERMIT", ANN, "kidneys", "train"),
    Entry(5, "operator", Action.APPROVE, "APPROVED", study="kidneys", facts={"subject": "nobody"}),
]


def about(store: SqlStore, subject: SubjectId, before: int | None = None) -> list[int]:
    with store.reading() as unit:
        return [entry.index for entry in unit.log.about(subject, before)]


def test_the_entries_about_somebody_come_newest_first_and_nobody_elses(store: SqlStore) -> None:
    assert about(store, ANN) == [3, 0]
    assert about(store, BEN) == [2], "what a text says is no subject"
    assert about(store, ANN, before=3) == [0]
    assert about(store, ANN, before=0) == []
    assert about(store, NOBODY) == []


def sieved(store: SqlStore, sieve: Sieve, before: int | None = None) -> list[int]:
    with store.reading() as unit:
        return [entry.index for entry in unit.log.about(ANN, before, sieve)]


def test_a_sieve_lets_through_what_has_one_mark_and_lacks_all_others(store: SqlStore) -> None:
    patient, study, permit = b'"actor":"patient"', b'"actor":"study:kidneys"', b'"verdict":"PERMIT"'
    assert sieved(store, Sieve(having=(patient,))) == [0]
    assert sieved(store, Sieve(having=(patient, study))) == [3, 0]
    assert sieved(store, Sieve(having=(patient, study)), before=3) == [0]
    assert sieved(store, Sieve(lacking=(study,))) == [0]
    assert sieved(store, Sieve(having=(patient,), lacking=(permit,))) == []
    assert sieved(store, Sieve(having=(b'"verdict":"%"', b"\x00' OR 1=1 --"))) == [], "a mark is bytes and no pattern"


def test_more_of_them_than_one_query_returns_come_too_and_each_once(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.log.append([Entry(6, "operator", Action.IMPORT, "", ANN).placed(len(ENTRIES) + n) for n in range(295)])
    assert about(store, ANN) == [*range(299, 4, -1), 3, 0]
    assert about(store, ANN, before=105) == [*range(104, 4, -1), 3, 0]


@pytest.mark.parametrize("index", [-(2**70), -1, 2**31, 2**63, 2**70])
def test_an_index_that_no_entry_can_have_is_one_like_any_other(store: SqlStore, index: int) -> None:
    assert about(store, ANN, before=index) == ([3, 0] if index > 0 else [])
    with store.reading() as unit:
        assert unit.log.some([index, 0]).keys() == {0}


INDEXES = {
    "entries_by_subject": EVERYTHING,
    "entries_of_uses": SIEVES[Shown.USES],
    "entries_of_refusals": SIEVES[Shown.REFUSALS],
    "entries_by_patient": SIEVES[Shown.MINE],
    "entries_by_operator": SIEVES[Shown.HOSPITAL],
    "entries_of_receipts": RECEIPTED,
}


@pytest.mark.parametrize("before", [None, 4])
def test_an_index_finds_them(store: SqlStore, before: int | None) -> None:
    others = [Entry(6, "study:kidneys", Action.READ, "PERMIT", SubjectId(f"{n:032x}")) for n in range(5000)]
    with store.begin() as unit:
        unit.log.append([entry.placed(index) for index, entry in enumerate(others, len(ENTRIES))])
    asked: list[tuple[str, Any]] = []
    with store.begin() as unit:
        if unit.connection.dialect.name == "postgresql":
            unit.connection.exec_driver_sql("ANALYZE entries")
        event.listen(unit.connection, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        for sieve in INDEXES.values():
            list(unit.log.about(ANN, before, sieve))
        explain = "EXPLAIN QUERY PLAN " if unit.connection.dialect.name == "sqlite" else "EXPLAIN "
        plans = [unit.connection.exec_driver_sql(explain + query, values).all() for query, values in tuple(asked)]
    for index, plan in zip(INDEXES, plans, strict=True):
        assert f"{index} " in str(plan)


EACH = [Entry(9, "operator", action, "SAID") for action in Action]


@pytest.fixture
def told(store: SqlStore) -> SqlStore:
    """A log in which every action stands once more."""
    with store.begin() as unit:
        unit.log.append([entry.placed(index) for index, entry in enumerate(EACH, start=unit.log.size())])
    return store


@pytest.mark.parametrize("action", Action)
def test_the_entries_of_an_action_are_found_and_no_others(told: SqlStore, action: Action) -> None:
    expected = [index for index, entry in enumerate([*ENTRIES, *EACH]) if entry.action is action]
    with told.reading() as unit:
        assert [entry.index for entry in unit.log.saying({action})] == expected


def test_what_is_about_the_house_is_found_by_its_index(told: SqlStore) -> None:
    asked: list[str] = []
    with told.reading() as unit:
        event.listen(unit.connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
        found = [entry.index for entry in unit.log.saying(HOUSE)]
    assert found == [index for index, entry in enumerate([*ENTRIES, *EACH]) if entry.action in HOUSE]
    with told.reading() as unit:
        if unit.connection.dialect.name == "sqlite":
            plan = unit.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}").all()
            assert "entries_by_action" in str(plan)
