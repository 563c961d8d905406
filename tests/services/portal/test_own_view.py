"""A person's own records in the portal: counted without being opened, and each look is an entry before it opens any."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from consent.domain.terms import Category, SubjectId
from consent.services.access import BlockedPersonError
from consent.services.portal.own_records import OwnRecord
from consent.services.received import Attachment, ReceivedResource
from tests.databases import forbid
from tests.services.house import House, identifier_of, received
from tests.services.portal.patients import Portal
from vault import DecryptionError, KeyNotFoundError

LABORATORY = Category.LABORATORY
SCAN = Attachment("scan-1", Category.IMAGING, "application/dicom", "A scan")


@pytest.fixture
def subject(house: House) -> SubjectId:
    return house.people[3]


def look(portal: Portal, subject: SubjectId, category: Category = LABORATORY) -> list[OwnRecord]:
    return portal.room.own_view.records(subject, category, portal.house.clock())


def laboratory(**changed: Any) -> ReceivedResource:
    """Return the third person's finding with some members changed; one that is None is left out."""
    [found] = [one for one in received(3) if one.category is LABORATORY]
    members = json.loads(found.content) | changed
    kept = {name: value for name, value in members.items() if value is not None}
    name = f"Observation/{kept['id']}"
    return replace(found, name=name, content=json.dumps(kept).encode())


def bring(house: House, *resources: ReceivedResource) -> None:
    house.open.records.deposit(resources, house.clock())


def milligrams(level: float) -> dict[str, Any]:
    return {"value": level, "unit": "mg/dL"}


# ------------------------------------------------------------------------------------------------------------- counts


def test_records_are_counted_by_kind_and_none_is_opened_or_logged(portal: Portal, subject: SubjectId) -> None:
    before = portal.house.state()
    one_of_each = {Category.DEMOGRAPHICS: 1, LABORATORY: 1, Category.OUTCOMES: 1}
    assert portal.room.own_view.counts(subject) == one_of_each
    portal.house.open.vault.keys.shred([subject])
    assert portal.room.own_view.counts(subject) == one_of_each, "not even the key is needed"
    assert portal.house.state() == before


def test_what_was_replaced_counts_once_and_what_was_withdrawn_not_at_all(portal: Portal, subject: SubjectId) -> None:
    bring(portal.house, laboratory(valueQuantity=milligrams(2)), laboratory(id="second"), laboratory(id="third"))
    bring(portal.house, replace(laboratory(id="third", status="entered-in-error"), withdrawn=True))
    assert portal.room.own_view.counts(subject)[LABORATORY] == 2
    assert portal.room.own_view.counts(SubjectId("f" * 32)) == {}


# -------------------------------------------------------------------------------------------------------------- a look


def test_a_look_is_one_entry_that_says_who_and_which_kind(portal: Portal, subject: SubjectId) -> None:
    before, now = portal.house.state(), portal.house.clock()
    [found] = portal.room.own_view.records(subject, LABORATORY, now)
    assert found.first.raw == json.loads(laboratory().content)
    [entry] = portal.house.log(before.entries)
    assert entry == {
        "version": 1,
        "index": before.entries,
        "time": int(now.timestamp()),
        "actor": "patient",
        "action": "access",
        "verdict": "PERMIT",
        "subject": subject,
        "operation": "view",
        "categories": ["laboratory"],
    }


def test_nobody_elses_records_and_no_other_kind_are_among_them(portal: Portal, subject: SubjectId) -> None:
    for category, kind in ((Category.DEMOGRAPHICS, "Patient"), (LABORATORY, "Observation")):
        [found] = look(portal, subject, category)
        own = [one for one in received(3) if one.category is category]
        assert [found.first.raw] == [json.loads(one.content) for one in own]
        assert found.first.kind == kind


def test_the_newest_day_comes_first_and_what_has_none_last(portal: Portal, subject: SubjectId) -> None:
    days = {"a": "2021-01-02", "b": None, "c": "2026-05-03T08:00:00Z", "d": "2026"}
    bring(portal.house, *(laboratory(id=name, effectiveDateTime=day) for name, day in days.items()))
    found = look(portal, subject)
    assert [one.first.day for one in found] == [date(2026, 5, 3), date(2021, 1, 2), date(2020, 6, 15), None, None]
    assert {one.first.raw["id"] for one in found[3:]} == {"b", "d"}
    assert [one.id for one in found] == [one.id for one in look(portal, subject)], "each time in the same row"


def test_what_was_replaced_is_shown_as_it_is_now(portal: Portal, subject: SubjectId) -> None:
    for level in (2.5, 3.5):
        bring(portal.house, laboratory(valueQuantity=milligrams(level)))
    [found] = look(portal, subject)
    assert found.version == 3
    assert found.first.values == (("code", "2160-0"), ("", "3.5 mg/dL"))


def test_what_was_withdrawn_is_not_shown(portal: Portal, subject: SubjectId) -> None:
    bring(portal.house, replace(laboratory(status="entered-in-error"), withdrawn=True))
    assert look(portal, subject) == []


def test_a_file_is_not_opened_for_a_list(portal: Portal, subject: SubjectId) -> None:
    portal.house.open.records.attach(identifier_of(3), SCAN, [b"bytes"], portal.house.clock())
    with portal.house.open.store.begin() as unit:
        unit.connection.execute(text("UPDATE vault_parts SET sealed = :none"), {"none": bytes(100)})
    [found] = look(portal, subject, Category.IMAGING)
    assert found.first.kind == "DocumentReference"


# ------------------------------------------------------------------------------------------------------------ nothing


@pytest.mark.parametrize("final", [False, True])
def test_to_who_asked_to_be_erased_nothing_is_opened_and_nothing_is_written(
    portal: Portal, subject: SubjectId, *, final: bool
) -> None:
    house = portal.house
    if final:
        house.erase(subject)
    else:
        house.open.erasures.request(house.ask(subject))
    before = house.state()
    with pytest.raises(BlockedPersonError):
        look(portal, subject)
    assert house.state() == before
    assert len(portal.room.own_view.counts(subject)) == (0 if final else 3)


def test_an_erasure_that_another_process_wrote_counts_at_once(portal: Portal, subject: SubjectId) -> None:
    house = portal.house
    with House.without_ledger(house.settings.home, house.wallets) as beside:
        there = Portal.of(beside)
        house.open.erasures.request(house.ask(subject))
        with pytest.raises(BlockedPersonError):
            look(there, subject)


def test_whose_key_died_is_shown_nothing_and_nothing_is_written(portal: Portal, subject: SubjectId) -> None:
    portal.house.open.vault.keys.shred([subject])
    before = portal.house.state()
    with pytest.raises(KeyNotFoundError, match="restore the newest backup of the keys"):
        look(portal, subject)
    assert portal.house.state() == before


def test_what_cannot_be_logged_is_not_opened(portal: Portal, subject: SubjectId) -> None:
    damage(portal.house, subject)  # so that opening it would fail in another way
    with portal.house.open.store.begin() as unit:
        forbid(unit.connection, "INSERT", "entries")
    with pytest.raises(Exception, match=r"(?i)cut|database") as raised:
        look(portal, subject)
    assert not isinstance(raised.value, DecryptionError)


def test_what_is_damaged_fails_with_its_entry_in_the_log(portal: Portal, subject: SubjectId) -> None:
    damage(portal.house, subject)
    before = portal.house.state()
    with pytest.raises(DecryptionError):
        look(portal, subject)
    assert len(portal.house.log(before.entries)) == 1


def damage(house: House, subject: SubjectId) -> None:
    """Let nothing that is kept of somebody open any more."""
    with house.open.store.begin() as unit:
        damaged = text("UPDATE vault_records SET sealed = :none WHERE subject = :subject")
        unit.connection.execute(damaged, {"none": bytes(100), "subject": subject})
