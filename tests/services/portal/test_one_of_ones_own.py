"""Looking at one's own records: a list opens its kind, a page one record, each as one line; nothing else is opened."""

import json
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from sqlalchemy import update

from consent.adapters.sql.store import SqlStore, SqlUnit
from consent.domain.terms import Category, SubjectId
from consent.services.access import BlockedPersonError
from consent.services.portal.own_records import VIEW, OwnRecord
from consent.services.received import Attachment
from tests.databases import forbid
from tests.services.house import House, identifier_of, receive, received
from tests.services.portal.patients import Portal
from vault import KeyNotFoundError
from vault.tables import vault_records

LAB = Category.LABORATORY


def listed(portal: Portal, subject: SubjectId, kind: Category = LAB) -> list[OwnRecord]:
    return portal.room.own_view.records(subject, kind, portal.house.clock())


def opened(portal: Portal, subject: SubjectId, record: str, kind: Category = LAB) -> tuple[OwnRecord, bool] | None:
    return portal.room.own_view.record(subject, kind, record, portal.house.clock())


def withdraw(house: House, number: int) -> None:
    """Import that the laboratory value of somebody was a mistake."""
    [value] = [resource for resource in received(number) if resource.category is LAB]
    status = json.loads(value.content) | {"status": "entered-in-error"}
    house.open.records.deposit([replace(value, content=json.dumps(status).encode(), withdrawn=True)], house.clock())


def damage_all_but(house: House, record: str, version: int = 1) -> None:
    """Spoil every other row: whatever opens one of them fails."""
    of = vault_records.c
    with house.open.store.begin() as unit:
        other = (of.record_id != record) | (of.version != version)
        unit.connection.execute(update(vault_records).where(other).values(sealed=bytes(100)))


def looks(house: House, before: int) -> list[tuple[str, str, str, str, list[str]]]:
    """Return what the log says since, of all but what came in."""
    return [
        (e["action"], e["operation"], e["verdict"], e["subject"], e["categories"])
        for e in house.log(before)
        if e["action"] != "import"
    ]


def look(subject: SubjectId, kind: Category = LAB) -> tuple[str, str, str, str, list[str]]:
    return "access", VIEW, "PERMIT", subject, [kind.value]


def test_one_record_is_opened_alone_and_is_one_entry(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[3]
    house.open.records.deposit(received(3, creatinine=0.25), house.clock())
    [record] = listed(portal, subject)
    damage_all_but(house, record.id, 2)
    before = len(house.log())
    found = opened(portal, subject, record.id)
    assert found == (record, False)
    assert record.version == 2
    assert ("", "0.25 mg/dL") in record.first.values
    assert looks(house, before) == [look(subject)]


def test_a_list_opens_what_is_current_of_its_kind_and_is_one_entry(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[3]
    house.open.records.deposit(received(3, creatinine=0.25), house.clock())
    [record] = listed(portal, subject)
    damage_all_but(house, record.id, 2)
    before = len(house.log())
    assert listed(portal, subject) == [record]
    assert looks(house, before) == [look(subject)]


def test_a_file_behind_a_record_is_told_and_not_opened(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[3]
    house.open.records.attach(
        identifier_of(3), Attachment("scan-1", Category.IMAGING, "application/dicom", "A scan"), [b"xy"], house.clock()
    )
    [scan] = listed(portal, subject, Category.IMAGING)
    assert opened(portal, subject, scan.id, Category.IMAGING) == (scan, True)


def test_what_is_not_theirs_or_not_there_or_of_another_kind_is_none_without_an_entry(portal: Portal) -> None:
    house, (ann, ben) = portal.house, portal.house.people[:2]
    [of_ben] = listed(portal, ben)
    [of_ann] = listed(portal, ann)
    damage_all_but(house, "")
    before = house.state()
    for record, kind in ((of_ben.id, LAB), ("00ff", LAB), ("", LAB), ("%", LAB), (of_ann.id, Category.OUTCOMES)):
        assert opened(portal, ann, record, kind) is None
    assert house.state() == before


def test_what_was_withdrawn_is_none_and_its_kind_empty_without_an_entry(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[3]
    [record] = listed(portal, subject)
    withdraw(house, 3)
    before = house.state()
    assert opened(portal, subject, record.id) is None
    assert listed(portal, subject) == []
    assert listed(portal, subject, Category.GENOMICS) == []
    assert house.state() == before
    counts = portal.room.own_view.counts(subject)
    assert counts == {Category.DEMOGRAPHICS: 1, LAB: 0, Category.OUTCOMES: 1}


def test_what_cannot_be_logged_is_not_opened(portal: Portal) -> None:
    subject = portal.house.people[3]
    [record] = listed(portal, subject)
    with portal.house.open.store.begin() as unit:
        forbid(unit.connection, "INSERT", "entries")
    damage_all_but(portal.house, "")
    for looking in (lambda: opened(portal, subject, record.id), lambda: listed(portal, subject)):
        with pytest.raises(Exception, match=r"(?i)cut|database"):
            looking()


def test_who_asked_to_be_erased_sees_nothing_and_that_is_no_entry(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[3]
    [record] = listed(portal, subject)
    house.open.erasures.request(house.ask(subject))
    before = house.state()
    with pytest.raises(BlockedPersonError):
        opened(portal, subject, record.id)
    with pytest.raises(BlockedPersonError):
        listed(portal, subject)
    assert house.state() == before


def test_whose_key_died_sees_nothing_and_that_is_no_entry(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[3]
    [record] = listed(portal, subject)
    house.open.vault.keys.shred([subject])
    before = house.state()
    with pytest.raises(KeyNotFoundError):
        opened(portal, subject, record.id)
    assert house.state() == before


def test_what_is_withdrawn_between_the_entry_and_the_opening_is_none(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look stands in the log all the same: an entry too many, and never an opening too many."""
    house, subject = portal.house, portal.house.people[3]
    [record] = listed(portal, subject)
    before = len(house.log())

    def withdrawn_first(store: SqlStore) -> AbstractContextManager[SqlUnit]:
        monkeypatch.undo()
        withdraw(house, 3)
        return store.reading()

    monkeypatch.setattr(SqlStore, "reading", withdrawn_first)
    assert opened(portal, subject, record.id) is None
    assert looks(house, before) == [look(subject)]


def test_newcomers_see_their_own(portal: Portal) -> None:
    [newcomer] = receive(portal.house.open, 800)
    [record] = listed(portal, newcomer)
    assert opened(portal, newcomer, record.id) == (record, False)
