"""Importing: the same person stays the same subject, and nothing about them is readable at rest."""

import pytest

from consent.domain.terms import SubjectId
from consent.services.records import EnrolmentKeyError
from tests.services.house import House, patient_bundle, received
from tests.wallets import Wallet as Key


def versions(house: House, subject: SubjectId) -> list[tuple[str, int]]:
    with house.open.store.reading() as unit:
        query = "SELECT category, version FROM vault_records WHERE subject = ? ORDER BY category, version"
        return [tuple(row) for row in unit.connection.exec_driver_sql(query, (subject,))]


def test_the_same_person_again_gives_next_versions_of_the_same_subject(house: House) -> None:
    subject = house.people[0]
    before = house.state()
    assert house.open.records.deposit([received(0), received(0)], house.clock()) == [subject, subject]
    expected = [(category, n) for category in ("demographics", "laboratory", "outcomes") for n in (1, 2, 3)]
    assert versions(house, subject) == expected
    assert [entry["action"] for entry in house.log(before.entries)] == ["import", "import"]


def test_a_new_person_is_enrolled_once_with_an_id_of_their_own(house: House) -> None:
    before = house.state()
    first, second, other = house.open.records.deposit([received(700), received(700), received(701)], house.clock())
    assert first == second != other
    entries = house.log(before.entries)
    assert [entry["action"] for entry in entries] == ["enrol", "enrol", "import", "import", "import"]
    assert versions(house, first)[:2] == [("demographics", 1), ("demographics", 2)]


def test_no_content_and_no_identifier_lies_readable_in_any_file(house: House) -> None:
    house.open.records.deposit([received(4711)], house.clock())
    assert b"hospital.example" in patient_bundle(4711)
    for path in house.open.places.home.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"hospital.example" not in content, path.name
        assert b"birthDate" not in content, path.name


@pytest.mark.parametrize("whose", ["known", "unknown"])
def test_an_enrolment_key_is_given_once_and_to_known_people_only(house: House, whose: str) -> None:
    [newcomer] = house.open.records.deposit([received(700)], house.clock())
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
    [newcomer] = house.open.records.deposit([received(700)], house.clock())
    house.open.erasure.erase(newcomer)
    before = house.state()
    with pytest.raises(EnrolmentKeyError):
        house.open.records.enrol_keys({newcomer: Key.draw().address}, house.clock())
    assert house.state() == before
