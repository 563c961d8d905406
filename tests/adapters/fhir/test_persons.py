"""Whose a resource is: every way in which FHIR may say so, and nobody where two could be meant."""

import pytest

from consent.adapters.fhir.outcomes import Person
from tests.adapters.fhir.exports import SYSTEM, Resource, bundle, condition, ndjson, observation, patient, taken

FIRST, SECOND = (f"{SYSTEM}|17",), (f"{SYSTEM}|18",)
URN = "urn:uuid:5c1d1f6e-6f0b-4a3c-9a2f-0d6c1b2a3e4f"
HTTP = "https://server.example/fhir/Patient/p1"
IDENTIFIED = {"identifier": {"system": SYSTEM, "value": "17"}}

NAMED: dict[str, tuple[str, object]] = {
    "by id": ("", "Patient/p1"),
    "by a version of it": ("", "Patient/p1/_history/3"),
    "by the urn of its entry": (URN, URN),
    "by id beside a urn": (URN, "Patient/p1"),
    "by id as a urn": ("", "urn:uuid:p1"),
    "by the address of its entry": (HTTP, HTTP),
    "by a version of that address": (HTTP, f"{HTTP}/_history/1"),
    "by an address where it has none": ("", "https://server.example/fhir/Patient/p1"),
    "by an identifier to look for": ("", f"Patient?identifier={SYSTEM}|17"),
    "by an encoded one": ("", "Patient?identifier=https%3A%2F%2Fhospital.example%7C17"),
    "by an identifier alone": ("", IDENTIFIED),
    "by an identifier and its type": ("", IDENTIFIED | {"type": "Patient"}),
    "by an identifier where the reference leads nowhere": ("", IDENTIFIED | {"reference": "Patient/elsewhere"}),
}


@pytest.mark.parametrize("way", NAMED)
def test_a_resource_names_its_patient(way: str) -> None:
    url, subject = NAMED[way]
    found = taken(
        bundle(patient(), observation(subject=subject), urls=[url] if url else []), bundle(patient("p2", "18"))
    )
    assert found.problems == []
    assert found.resources[1].person == FIRST


NOBODY: dict[str, object] = {
    "another patient": "Patient/p9",
    "nobody": None,
    "a name alone": {"display": "Ann"},
    "a group": "Group/p1",
    "a contained one": "#p1",
    "another server's patient of the same id": "https://other.example/fhir/Patient/p1",
    "an identifier of another system": {"identifier": {"system": "https://other.example", "value": "17"}},
    "an identifier without system": {"identifier": {"value": "17"}},
    "an identifier of a group": IDENTIFIED | {"type": "Group"},
    "a search for more than an identifier": f"Patient?identifier={SYSTEM}|17&active=true",
    "a search for something else": "Patient?name=Ann",
    "a reference in an identifier's clothes": f"identifier={SYSTEM}|17",
}


@pytest.mark.parametrize("way", NOBODY)
def test_a_resource_that_names_nobody_here_is_a_problem(way: str) -> None:
    found = taken(bundle(patient(), observation(subject=NOBODY[way]), urls=[HTTP]))
    assert len(found.resources) == 1
    assert [problem.place for problem in found.problems] == ["file 1 of 1, entry 2"]
    assert "look at subject" in found.problems[0].what


def test_types_whose_patient_stands_elsewhere_name_it_there() -> None:
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p1"}}
    assert taken(bundle(patient(), allergy)).resources[1].person == FIRST
    found = taken(bundle(patient(), allergy | {"patient": {"reference": "Patient/p9"}}))
    assert "look at patient" in found.problems[0].what


def test_a_reference_means_the_patient_of_its_own_file_before_any_other() -> None:
    """Bundles of different hospitals may call different people alike."""
    found = taken(bundle(patient(), observation()), bundle(patient("p1", "18"), observation()))
    assert [each.person for each in found.resources] == [FIRST, FIRST, SECOND, SECOND]


def test_a_reference_that_two_people_answer_to_means_nobody() -> None:
    apart = taken(bundle(patient()), bundle(patient("p1", "18")), ndjson(observation()))
    together = taken(ndjson(patient(), patient("p1", "18"), observation()))
    by_number = taken(ndjson(*_sharing_a_number(), observation(subject={"identifier": {"system": "s:", "value": "1"}})))
    for found in (apart, together, by_number):
        assert len(found.resources) == 2
        assert [problem.what.partition(":")[0] for problem in found.problems] == [
            "this Observation names no Patient of this import, or one that two people answer to"
        ]


def _sharing_a_number() -> list[Resource]:
    shared = {"system": "s:", "value": "1"}
    return [
        patient(f"p{number}", str(number)) | {"identifier": [{"system": f"{number}:", "value": "x"}, shared]}
        for number in (1, 2)
    ]


def test_two_versions_of_a_patient_are_one_person() -> None:
    more = patient() | {"identifier": [{"system": SYSTEM, "value": "17"}, {"system": "urn:ssn", "value": "9"}]}
    found = taken(ndjson(patient(), more, observation()))
    assert found.problems == []
    assert [each.person for each in found.resources] == [FIRST, (*FIRST, "urn:ssn|9"), FIRST]


def test_only_identifiers_that_name_one_person_for_good_count() -> None:
    kind = "http://terminology.hl7.org/CodeSystem/v2-0203"
    identifiers = [
        {"system": SYSTEM, "value": "17"},
        {"system": SYSTEM, "value": "17"},
        {"system": "urn:insurer", "value": "family", "type": {"coding": [{"system": kind, "code": "SN"}]}},
        {"system": "urn:visit", "value": "1", "type": {"coding": [{"system": kind, "code": "VN"}]}},
        {"system": "urn:stay", "value": "2", "use": "temp"},
        {"system": "urn:a|b", "value": "3"},
        {"value": "4"},
        {"system": "urn:nothing"},
        {"system": "urn:old", "value": "5|6", "use": "old"},
    ]
    assert taken(ndjson(patient() | {"identifier": identifiers})).resources[0].person == (*FIRST, "urn:old|5|6")


KNOWN = {"Patient/p1": FIRST, HTTP: SECOND, f"Patient?identifier={SYSTEM}|17": FIRST}


def known(key: str) -> Person | None:
    """Whom an earlier import from the same source brought."""
    assert not key.startswith(("urn:", "*"))
    return KNOWN.get(key)


@pytest.mark.parametrize(
    ("subject", "person"),
    [("Patient/p1", FIRST), (HTTP, SECOND), (IDENTIFIED, FIRST), (f"Patient?identifier={SYSTEM}|17", FIRST)],
)
def test_known_patients_need_not_come_again(subject: object, person: Person) -> None:
    found = taken(ndjson(observation(subject=subject)), known=known)
    assert [each.person for each in found.resources] == [person]


@pytest.mark.parametrize("subject", ["Patient/p2", URN, "https://other.example/Patient/p1", {"display": "x"}])
def test_whom_nobody_knows_is_a_problem(subject: object) -> None:
    found = taken(ndjson(observation(subject=subject)), known=known)
    assert found.resources == []
    assert len(found.problems) == 1


def test_the_import_goes_before_what_is_known() -> None:
    found = taken(ndjson(patient("p1", "99"), condition()), known=known)
    assert {each.person for each in found.resources} == {(f"{SYSTEM}|99",)}
