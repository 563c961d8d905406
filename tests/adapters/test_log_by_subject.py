"""What the log says about one person is found without reading the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

import migrations
from consent.adapters.sql import SqlStore, open_records
from consent.domain.entry import Action, Entry
from consent.domain.terms import SubjectId
from consent.ports import Sieve
from tests.databases import KINDS, fresh_database

ANN, BEN, NOBODY = SubjectId("a" * 32), SubjectId("b" * 32), SubjectId("c" * 32)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A records database with a short log."""
    engine = open_records(fresh_database() if request.param == "postgresql" else tmp_path / "records.sqlite")
    migrations.upgrade(engine, "records")
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


def test_an_index_finds_them(store: SqlStore) -> None:
    others = [Entry(6, "study:kidneys", Action.READ, "PERMIT", SubjectId(f"{n:032x}")) for n in range(5000)]
    with store.begin() as unit:
        unit.log.append([entry.placed(index) for index, entry in enumerate(others, len(ENTRIES))])
    asked: list[tuple[str, Any]] = []
    with store.begin() as unit:
        if unit.connection.dialect.name == "postgresql":
            unit.connection.exec_driver_sql("ANALYZE entries")
        event.listen(unit.connection, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        assert list(unit.log.about(ANN, 4, Sieve(having=(b'"actor":"patient"',), lacking=(b'"verdict":"NO_GRANT"',))))
        [(statement, parameters)] = asked
        explain = "EXPLAIN QUERY PLAN " if unit.connection.dialect.name == "sqlite" else "EXPLAIN "
        plan = unit.connection.exec_driver_sql(explain + statement, parameters).all()
    assert "entries_by_subject" in str(plan)
