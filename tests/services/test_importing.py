"""Importing: the same person stays the same subject, and nothing about them is readable at rest."""

import hashlib
import json
from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import text

from consent.adapters.fhir import read
from consent.demo.wallets import Wallet
from consent.domain.request_file import RequestFile
from consent.domain.terms import Category, SubjectId
from consent.services.received import ReceivedResource, Source, SourceError
from consent.services.records import EnrolmentKeyError, NoTombstoneError
from tests.databases import allow, bytes_at_rest, forbid
from tests.services.house import House, identifier_of, patient_bundle, receive, received
from tests.services.operators import FIRST, SECOND, approvals, registered, request
from tests.wallets import Wallet as Key
from vault import Access, Outcome


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


def named(number: int, *identifiers: str) -> list[ReceivedResource]:
    """Return an invented person's resources, the person known by these identifiers."""
    return [replace(resource, person=identifiers) for resource in received(number)]


def test_two_identifiers_of_a_person_are_one_person_whichever_comes_alone_later(house: House) -> None:
    records, first = house.open.records, identifier_of(700)
    imported = records.deposit(named(700, first, "insurer|A1"), house.clock())
    [subject] = imported.subjects
    for person in (("insurer|A1",), (first,), ("insurer|A1", "passport|P9"), ("passport|P9",)):
        again = records.deposit(named(700, *person), house.clock())
        assert (again.subjects, again.outcomes) == (imported.subjects, Counter({Outcome.UNCHANGED: 3})), person
    assert records.subjects_of([first, "insurer|A1", "passport|P9", "passport|P8"]) == {
        first: subject,
        "insurer|A1": subject,
        "passport|P9": subject,
    }


def test_within_one_import_a_second_identifier_joins_people_as_well(house: House) -> None:
    received_ones = [*named(700, "a|1", "b|1"), *named(701, "b|1", "c|1"), *named(702, "c|1")]
    imported = house.open.records.deposit(received_ones, house.clock())
    assert len(imported.subjects) == 1
    assert imported.outcomes == Counter({Outcome.STORED: 9})


def test_identifiers_of_two_different_people_are_refused_and_everybody_elses_are_taken(house: House) -> None:
    first, second = (identifier_of(number) for number in (0, 1))
    before = house.state()
    mixed = named(0, first, second, "insurer|A1")
    imported = house.open.records.deposit(mixed, house.clock())
    assert (imported.mixed, imported.erased, imported.subjects) == (3, 0, frozenset())
    assert house.state() == before
    assert house.open.records.subject_of("insurer|A1") is None, "not kept under either of them"
    imported = house.open.records.deposit([*mixed, *received(700)], house.clock())
    assert (imported.mixed, imported.outcomes) == (3, Counter({Outcome.STORED: 3}))
    assert house.open.records.subjects_of([first, second]) == dict(zip((first, second), house.people, strict=False))


def test_an_import_in_two_parts_is_told_as_one(house: House) -> None:
    records, both = house.open.records, named(0, *map(identifier_of, (0, 1)))
    parts = [records.deposit(part, house.clock()) for part in (received(700), [*received(700), *received(701), *both])]
    told = parts[0] + parts[1]
    assert told.subjects == parts[0].subjects | parts[1].subjects
    assert told.outcomes == Counter({Outcome.STORED: 6, Outcome.UNCHANGED: 3})
    assert (told.mixed, told.erased) == (3, 0)


def test_an_identifier_is_kept_as_a_keyed_hash_that_only_this_installation_makes(house: House) -> None:
    with house.open.store.reading() as unit:
        [mac] = unit.patients.identifiers(house.people[0])
        name = identifier_of(0).encode()
        assert len(mac) == 32
        assert mac != hashlib.sha256(name).digest()
        assert list(unit.patients.by_identifier([mac])) == [mac]


def laboratory(number: int, updated: str = "", **changed: object) -> ReceivedResource:
    """Return an invented person's laboratory value, as its source last changed it."""
    found = next(resource for resource in received(number) if resource.category is Category.LABORATORY)
    resource = json.loads(found.content) | changed | ({"meta": {"lastUpdated": updated}} if updated else {})
    withdrawn = resource["status"] == "entered-in-error"
    return replace(found, content=json.dumps(resource).encode(), updated=updated, withdrawn=withdrawn)


def outcome(house: House, resource: ReceivedResource) -> Outcome:
    [found] = house.open.records.deposit([resource], house.clock()).outcomes
    return found


def readable(house: House, subject: SubjectId) -> int:
    """Return how many laboratory values any study could read of a person."""
    access = Access("study:kidneys", "kidneys", "train", frozenset(), frozenset({"laboratory"}))
    with house.open.store.reading() as unit:
        found = house.open.vault.read(unit.connection, house.gate(), access, [subject])
        return sum(len(opening.records) for opening in found)


def test_an_older_resource_never_takes_the_place_of_a_newer_one(house: House) -> None:
    new, old = (laboratory(3, f"2021-0{month}-01T00:00:00Z", issued=f"2021-0{month}-01") for month in (2, 1))
    assert outcome(house, new) is Outcome.REPLACED
    before = house.state()
    assert outcome(house, old) is Outcome.OUTDATED
    assert house.state() == before
    assert versions(house, house.people[3]).count(("laboratory", 3)) == 0


def test_what_was_entered_in_error_is_read_by_nobody_until_its_source_says_otherwise(house: House) -> None:
    subject = house.people[3]
    house.grant(subject)
    house.publish()
    assert readable(house, subject) == 1
    assert outcome(house, laboratory(3, "2021-02-01T00:00:00Z", status="entered-in-error")) is Outcome.REPLACED
    assert readable(house, subject) == 0
    for not_later in (laboratory(3), laboratory(3, "2021-01-01T00:00:00Z"), laboratory(3, "2021-02-01T00:00:00Z")):
        assert outcome(house, not_later) is Outcome.OUTDATED
    assert readable(house, subject) == 0
    assert outcome(house, laboratory(3, "2021-03-01T00:00:00Z")) is Outcome.REPLACED
    assert readable(house, subject) == 1


def test_an_import_that_failed_half_way_can_be_made_again_from_its_start(house: House) -> None:
    people = [*received(700), *received(701)]
    with house.open.store.begin() as unit:
        forbid(unit.connection, "INSERT", "entries")
    before = house.state()
    with pytest.raises(Exception, match=r"(?i)cut|database"):
        house.open.records.deposit(people, house.clock())
    with house.open.store.begin() as unit:
        allow(unit.connection, "entries")
    assert house.state() == before
    assert house.open.records.subject_of(identifier_of(700)) is None
    first = house.open.records.deposit(people, house.clock())
    assert first.outcomes == Counter({Outcome.STORED: 6})
    after = house.state()
    again = house.open.records.deposit(people, house.clock())
    assert (again.subjects, again.outcomes) == (first.subjects, Counter({Outcome.UNCHANGED: 6}))
    assert house.state() == after


def test_each_of_an_erased_persons_identifiers_is_refused_also_beside_a_new_one(house: House) -> None:
    records = house.open.records
    registered(house, FIRST, SECOND)
    [subject] = records.deposit(named(700, "a|1", "b|1"), house.clock()).subjects
    asked = request(house, subject)
    house.open.erasures.request(RequestFile(asked, approvals(asked, FIRST, SECOND)))
    for stage in ("blocked", "final"):
        before = house.state()
        for person in (("a|1",), ("b|1",), ("a|1", "c|1"), ("c|1", "b|1")):
            imported = records.deposit(named(700, *person), house.clock())
            assert (imported.erased, imported.mixed, imported.subjects) == (3, 0, frozenset()), (stage, person)
        assert house.state() == before
        house.anchor()
        house.open.keep_house()
    assert records.subject_of("c|1") is None


def test_who_enrols_again_is_somebody_new_who_has_nothing_of_before(house: House) -> None:
    subject, records = house.people[3], house.open.records
    house.grant(subject)
    house.publish()
    records.deposit(received(3, creatinine=0.25), house.clock())
    house.erase(subject)
    records.enrol_again([identifier_of(3)], house.clock())
    [newcomer] = receive(house.open, 3)
    assert newcomer != subject
    assert versions(house, newcomer) == [(category, 1) for category in ("demographics", "laboratory", "outcomes")]
    assert versions(house, subject) == []
    assert house.open.book.entries(newcomer) == ()
    assert newcomer not in house.open.book.enrolments
    assert house.verdict(newcomer) == "NO_GRANT"
    with pytest.raises(NoTombstoneError):
        records.enrol_again([identifier_of(3)], house.clock())
    assert receive(house.open, 3) == [newcomer]


def test_a_tombstone_is_lifted_with_all_or_none_and_by_no_line_that_names_a_person(house: House) -> None:
    for subject in house.people[:2]:
        house.erase(subject)
    before, records = house.state(), house.open.records
    with pytest.raises(NoTombstoneError):
        records.enrol_again([identifier_of(0), identifier_of(2)], house.clock())
    assert house.state() == before
    assert records.deposit(received(0), house.clock()).erased == 3
    records.enrol_again([identifier_of(0)], house.clock())
    assert records.deposit(received(1), house.clock()).erased == 3
    assert records.deposit(received(0), house.clock()).outcomes == Counter({Outcome.STORED: 3})
    [entry] = [entry for entry in house.log(before.entries) if entry["verdict"] == "AGAIN"]
    assert "subject" not in entry or not entry["subject"]


def test_a_named_source_is_followed_into_earlier_imports_and_keeps_its_ids_apart(house: House) -> None:
    ward, records = Source("ward-7"), house.open.records
    records.deposit([ward.mark(one) for one in received(730)], house.clock())
    [subject] = records.subjects_of([identifier_of(730)]).values()
    known = records.known_by(ward)
    assert known("Patient/p730") == (ward.identifier("Patient/p730"),)
    assert known(f"Patient?identifier={identifier_of(730)}") == (identifier_of(730),)
    assert known("Patient/p731") is None
    assert records.known_by(Source("ward-8"))("Patient/p730") is None, "another system's ids mean somebody else"
    alone = json.loads(patient_bundle(730, creatinine=9.0))["entry"][1]["resource"]
    [later] = read([json.dumps(alone).encode()], known=known)
    assert isinstance(later, ReceivedResource)
    records.deposit([ward.mark(later)], house.clock())
    assert versions(house, subject) == [("demographics", 1), ("laboratory", 1), ("laboratory", 2), ("outcomes", 1)]
    records.deposit([Source("ward-8").mark(later)], house.clock())
    assert versions(house, subject).count(("laboratory", 1)) == 2


def posted(number: int, urn: str = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", **more: object) -> bytes:
    """Return an invented person's Bundle as a transaction of POST entries: no ids, references by `fullUrl`."""
    entries = json.loads(patient_bundle(number))["entry"]
    for entry in entries:
        entry["request"] = {"method": "POST", "url": entry["resource"]["resourceType"]}
        entry["resource"].pop("id")
        if entry["resource"]["resourceType"] == "Patient":
            entry["fullUrl"] = urn
        else:
            entry["resource"] |= {"subject": {"reference": urn}} | more
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


def taken(house: House, content: bytes, source: Source | None = None) -> Counter[Outcome]:
    """Import a file, as that source's where one is named."""
    found = [one for one in read([content]) if isinstance(one, ReceivedResource)]
    return house.open.records.deposit([source.mark(one) if source else one for one in found], house.clock()).outcomes


@pytest.mark.parametrize("source", [None, Source("ward-7")], ids=["any", "named"])
def test_a_file_of_resources_without_ids_can_be_imported_again(house: House, source: Source | None) -> None:
    assert taken(house, posted(740), source) == Counter({Outcome.STORED: 3})
    before = house.state()
    assert taken(house, posted(740), source) == Counter({Outcome.UNCHANGED: 3})
    assert taken(house, posted(740), source) == Counter({Outcome.UNCHANGED: 3})
    assert house.state() == before


def test_without_ids_the_same_content_is_one_record_a_person_and_other_content_another(house: House) -> None:
    whole = json.loads(posted(740))
    whole["entry"].append(whole["entry"][1])
    assert taken(house, json.dumps(whole).encode()) == Counter({Outcome.STORED: 3, Outcome.UNCHANGED: 1})
    assert taken(house, posted(741)) == Counter({Outcome.STORED: 3}), "of another person it is another record"
    changed = taken(house, posted(740, issued="2021-01-01T00:00:00Z"))
    assert changed == Counter({Outcome.STORED: 2, Outcome.UNCHANGED: 1}), "nothing says what it takes the place of"
    drawn_again = taken(house, posted(740, urn="urn:uuid:5f0ccf2b-6fd4-4c1b-9f5c-3c4a2e8f6e11"))
    assert drawn_again == Counter({Outcome.STORED: 2, Outcome.UNCHANGED: 1}), "a reference is content"


def test_a_patient_without_id_gets_no_identifier_of_the_source(house: House) -> None:
    taken(house, posted(740), Source("ward-7"))
    subject = house.open.records.subject_of(identifier_of(740))
    assert subject is not None
    with house.open.store.reading() as unit:
        assert len(list(unit.patients.identifiers(subject))) == 1


@pytest.mark.parametrize("name", ["", "Ward 7", "x" * 41, "söurce"])
def test_a_source_has_a_short_code(name: str) -> None:
    with pytest.raises(SourceError):
        Source(name)
