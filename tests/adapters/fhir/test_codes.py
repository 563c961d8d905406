"""Where FHIR R4 binds a code to a list, no other code comes in; whatever it lists does."""

import typing
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from fhir_core.types import FhirBase
from pydantic import BaseModel

from consent.adapters.fhir.categories import BY_CODES_ALONE, CATEGORY_BY_TYPE
from consent.adapters.fhir.codes import ABBREVIATED, COMPLETED, CONCEPTS, wrong_codes
from tests.adapters.fhir.exports import SECRET, SYSTEM, Resource, bundle, condition, ndjson, observation, patient, taken

VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def verified(**coding: str) -> Resource:
    return condition(verificationStatus={"coding": [coding]})


WRONG: dict[str, tuple[Resource, str]] = {
    "a patient's": (patient(gender=SECRET), "Patient: look at gender, which must be male, female, other or unknown"),
    "a status": (observation(status="fertig"), "Observation: look at status, which must be registered, preliminary"),
    "a misspelt error": (observation(status="entred-in-error"), "cancelled, entered-in-error or unknown"),
    "a code in other letters": (observation(status="Final"), "look at status"),
    "one of an inner element": (
        patient(contact=[{}, {"gender": SECRET}]),
        "look at contact.gender, which must be male",
    ),
    "one two levels down": (
        patient(contact=[{"telecom": [{"system": SECRET, "value": "1"}]}]),
        "look at contact.telecom.system, which must be phone, fax",
    ),
    "one of a contained resource": (
        observation(contained=[{"resourceType": "Patient", "gender": SECRET}]),
        "Observation: look at contained.gender, which",
    ),
    "one of an extension": (
        patient(extension=[{"url": "https://x.example", "valueIdentifier": {"use": SECRET}}]),
        "look at extension.valueIdentifier.use, which must be usual, official, temp, secondary or old",
    ),
    "one of an extension of a plain value": (
        patient(_birthDate={"extension": [{"url": "https://x.example", "valueAddress": {"type": SECRET}}]}),
        "look at _birthDate.extension.valueAddress.type, which must be postal, physical or both",
    ),
    "one of a list": (
        {
            "resourceType": "AllergyIntolerance",
            "patient": {"reference": "Patient/p1"},
            "category": ["food", SECRET],
        },
        "look at category, which must be food, medication, environment or biologic",
    ),
    "a comparator": (
        observation(valueQuantity={"value": 1, "comparator": SECRET}),
        "look at valueQuantity.comparator, which must be <, <=, >= or >",
    ),
    "a narrative's": (
        patient(text={"status": SECRET, "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}),
        "look at text.status, which must be generated, extensions, additional or empty",
    ),
    "a code of R5": (
        {"resourceType": "Encounter", "status": "completed", "class": {"code": "AMB"}, "subject": {"reference": "x"}},
        "look at status, which must be planned, arrived, triaged, in-progress, onleave, finished",
    ),
    "a misspelt error in a concept": (
        verified(system=VERIFICATION, code="entred-in-error"),
        "look at verificationStatus, which must be unconfirmed, provisional, differential, confirmed, refuted or",
    ),
    "a concept's without a system": (verified(code=SECRET), "look at verificationStatus, which must be"),
    "several": (patient(gender=SECRET, contact=[{"gender": SECRET}]), "look at contact.gender, which must be male"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_code_that_r4_does_not_list_is_a_problem_that_says_where_and_which_ones_there_are(name: str) -> None:
    resource, told = WRONG[name]
    [problem] = taken(ndjson(patient("p2", "18"), resource)).problems
    assert problem.place == "file 1 of 1, line 2"
    assert told in problem.what
    assert problem.what.endswith(f"({2 if name == 'several' else 1} in all)")
    assert SECRET not in problem.what


RIGHT: dict[str, Resource] = {
    "a status behind the four that the library lists": observation(status="corrected"),
    "an error": observation(status="entered-in-error"),
    "an encounter that nobody knows of": {
        "resourceType": "Encounter",
        "status": "unknown",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p1"},
    },
    "no code, where an extension says why": {name: value for name, value in observation().items() if name != "status"}
    | {"_status": {"extension": [{"url": "https://x.example", "valueCode": "unknown"}]}},
    "gaps in a list": {
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": "Patient/p1"},
        "category": ["food", None],
        "_category": [None, {"extension": [{"url": "https://x.example", "valueCode": "other"}]}],
    },
    "a concept of the system": verified(system=VERIFICATION, code="entered-in-error"),
    "a concept of another system": verified(system="https://hospital.example/state", code="sure"),
    "a concept in words": condition(verificationStatus={"text": "sure"}),
    "a language of expressions, whose list is open": patient(
        extension=[{"url": "https://x.example", "valueExpression": {"language": "text/x-other", "expression": "1"}}]
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_r4_allows_comes_in(name: str) -> None:
    assert taken(bundle(patient("p1", "17"), RIGHT[name])).problems == []


def inner(annotation: object) -> Iterator[type[FhirBase]]:
    if isinstance(annotation, type) and issubclass(annotation, FhirBase):
        yield annotation
    for each in typing.get_args(annotation):
        yield from inner(each)


def models() -> Mapping[str, type[BaseModel]]:
    """Every class that a resource of a type that is kept can hold, by name."""
    found: dict[str, type[BaseModel]] = {}
    names = [*CATEGORY_BY_TYPE, *BY_CODES_ALONE]
    while names:
        name = names.pop()
        if name not in found and name != "Resource":
            found[name] = get_fhir_model_class(name)
            for field in found[name].model_fields.values():
                names += [each.__name__.removesuffix("Type") for each in inner(field.annotation)]
    return found


def listed() -> Mapping[str, list[str]]:
    """What the library lists, by class and field."""
    found: dict[str, list[str]] = {}
    for name, model in models().items():
        for field, held in model.model_fields.items():
            extra: Any = held.json_schema_extra or {}
            if "enum_values" in extra:
                found[f"{name}.{field}"] = extra["enum_values"]
    return found


def test_every_list_that_the_library_cuts_short_is_completed_or_known_to_be_open() -> None:
    cut = {key: codes for key, codes in listed().items() if ABBREVIATED & set(codes)}
    assert cut.keys() - COMPLETED.keys() == {"Expression.language"}
    for key, codes in cut.items():
        assert set(codes) - ABBREVIATED <= set(COMPLETED.get(key, codes)), key


def test_what_is_completed_is_there_and_is_not_listed_whole_by_the_library() -> None:
    for key in [*COMPLETED, *CONCEPTS]:
        model, _, field = key.partition(".")
        assert field in models()[model].model_fields, key
        assert not listed().get(key) or ABBREVIATED & set(listed()[key]), key


def test_lists_are_those_of_r4() -> None:
    """As the specification has them (4.0.1, required bindings), where R5 has others or they are easily mistaken."""
    assert set(listed()["ImagingStudy.status"]) == {
        "registered",
        "available",
        "cancelled",
        "entered-in-error",
        "unknown",
    }
    assert set(listed()["MedicationStatement.status"]) >= {"active", "completed", "not-taken"}
    assert set(listed()["Address.use"]) == {"home", "work", "temp", "old", "billing"}
    assert set(listed()["ContactPoint.system"]) == {"phone", "fax", "email", "pager", "url", "sms", "other"}
    assert set(listed()["Identifier.use"]) == {"usual", "official", "temp", "secondary", "old"}
    assert len(listed()) == 102


def test_a_sound_element_has_no_wrong_code() -> None:
    whole = patient(gender="female", identifier=[{"use": "official", "system": SYSTEM, "value": "17"}])
    assert wrong_codes(get_fhir_model_class("Patient").model_validate(whole)) == []
