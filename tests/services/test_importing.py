"""Importing: the same person stays the same subject, and nothing about them is readable at rest."""

from collections import Counter

import pytest
from sqlalchemy import text

from consent.demo.wallets import Wallet
from consent.domain.terms import SubjectId
from consent.services.records import EnrolmentKeyError
from tests.databases import bytes_at_rest
from tests.services.house import House, identifier_of, patient_bundle, receive, received
from tests.wallets import Wallet as Key
from vault import Outcome


def versions(house: House, subject: SubjectId) -> list[tuple[str, int]]:
    with house.open.store.reading() as unit:
        query = text("SELECT category, version FROM vault_records WHERE subject = :subject ORDER BY category, version")
        return [tuple(row) for row in unit.connection.execute(query, {"subject": subject})]


def test_the_same_person_again_is_the_same_subject_and_nothing_new_is_sealed(house: House) -> None:
    subject = house.people[0]
    before = house.state()
    imported = house.open.records.deposit([*received(0), *received(0)], house.clock())
    assert (imported.subjects, imported.outcomes) == (frozenset({subject}), Counter({Outcome.UNCHANGED: 6}))
    assert versions(house, subject) == [(category, 1) for category in ("demographics", "laboratory", "outcomes")]
    assert house.log(before.entries) == []


def test_a_resource_that_changed_is_a_next_version(house: House) -> None:
    subject = house.people[3]
    house.open.records.deposit(received(3, creatinine=0.25), house.clock())
    assert versions(house, subject) == [("demographics", 1), ("laboratory", 1), ("laboratory", 2), ("outcomes", 1)]


def test_a_new_person_is_enrolled_once_with_an_id_of_their_own(house: House) -> None:
    before = house.state()
    imported = house.open.records.deposit([*received(700), *received(700), *received(701)], house.clock())
    first, other = (house.open.records.subject_of(identifier_of(number)) for number in (700, 701))
    assert first is not None
    assert imported.subjects == {first, other}
    entries = house.log(before.entries)
    assert [entry["action"] for entry in entries] == ["enrol", "enrol", "import", "import"]
    assert versions(house, first)[:2] == [("demographics", 1), ("laboratory", 1)]


def test_no_content_and_no_identifier_lies_readable_in_any_file(house: House) -> None:
    receive(house.open, 4711)
    assert b"hospital.example" in patient_bundle(4711)
    at_rest = bytes_at_rest(house.open.places.home)
    assert house.people[0].encode() in at_rest, "the search looks where the records are"
    assert b"hospital.example" not in at_rest
    assert b"birthDate" not in at_rest
    for path in house.open.places.home.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"hospital.example" not in content, path.name
        assert b"birthDate" not in content, path.name


@pytest.mark.parametrize("whose", ["known", "unknown"])
def test_an_enrolment_key_is_given_once_and_to_known_people_only(house: House, whose: str) -> None:
    [newcomer] = receive(house.open, 700)
    subject = house.people[0] if whose == "known" else SubjectId("0" * 32)
    enrolments, before = dict(house.open.book.enrolments), house.state()
    with pytest.raises(EnrolmentKeyError):
        house.open.records.enrol_keys({newcomer: Key.draw().address, subject: Key.draw().address}, house.clock())
    assert house.open.book.enrolments == enrolments
    assert house.state() == before
    house.open.records.enrol_keys({newcomer: Key.draw().address}, house.clock())
    with pytest.raises(EnrolmentKeyError):
        house.open.records.enrol_keys({newcomer: Key.draw().address}, house.clock())


def test_whoever_was_erased_gets_no_key(house: House) -> None:
    [newcomer] = receive(house.open, 700)
    house.wallets = house.wallets | {newcomer: Wallet(newcomer)}
    house.open.records.enrol_keys({newcomer: house.wallets[newcomer].enrolment_key.address}, house.clock())
    house.erase(newcomer)
    before = house.state()
    with pytest.raises(EnrolmentKeyError):
        house.open.records.enrol_keys({newcomer: Key.draw().address}, house.clock())
    assert house.state() == before
