"""FHIR in: what comes is kept to the byte, and whatever is not one patient's R4 Bundle gets one clear error."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.adapters.fhir import FhirError, read_bundle
from consent.domain.terms import Category

Resource = dict[str, Any]
SECRET = "Wilhelmina-Quackenbush"

PATIENT: Resource = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "https://hospital.example", "value": "17"}],
    "gender": "female",
}


def coded(code: str, category: str, **rest: object) -> Resource:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"code": category}]}],
        "code": {"text": code},
        "subject": {"reference": "Patient/p1"},
        **rest,
    }


CREATININE = coded("creatinine", "laboratory", valueQuantity={"value": 1.1})
CONDITION: Resource = {"resourceType": "Condition", "subject": {"reference": "Patient/p1"}}


def bundle(*resources: object) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def test_each_category_gets_its_resources_one_a_line() -> None:
    received = read_bundle(bundle(PATIENT, CREATININE, CONDITION, coded("sodium", "laboratory")))
    assert received.identifier == "https://hospital.example|17"
    assert set(received.contents) == {Category.DEMOGRAPHICS, Category.LABORATORY, Category.CONDITIONS}
    lines = received.contents[Category.LABORATORY].splitlines()
    assert [json.loads(line)["code"]["text"] for line in lines] == ["creatinine", "sodium"]


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("vital-signs", Category.VITAL_SIGNS),
        ("laboratory", Category.LABORATORY),
        ("social-history", Category.SOCIAL_HISTORY),
        ("survey", Category.SURVEYS),
        ("imaging", Category.IMAGING),
        ("procedure", Category.PROCEDURES),
        ("outcome", Category.OUTCOMES),
    ],
)
def test_an_observation_goes_where_its_category_code_says(code: str, category: Category) -> None:
    assert category in read_bundle(bundle(PATIENT, coded("anything", code))).contents


@pytest.mark.parametrize(
    ("resource", "category"),
    [
        (CONDITION, Category.CONDITIONS),
        (
            {"resourceType": "RiskAssessment", "status": "final", "subject": {"reference": "Patient/p1"}},
            Category.ASSESSMENTS,
        ),
        (
            {"resourceType": "Procedure", "status": "completed", "subject": {"reference": "Patient/p1"}},
            Category.PROCEDURES,
        ),
        (
            {"resourceType": "ImagingStudy", "status": "available", "subject": {"reference": "Patient/p1"}},
            Category.IMAGING,
        ),
    ],
)
def test_other_resources_go_where_their_type_says(resource: Resource, category: Category) -> None:
    assert category in read_bundle(bundle(PATIENT, resource)).contents


def test_numbers_keep_the_digits_they_came_with() -> None:
    received = read_bundle(bundle(PATIENT, CREATININE).replace(b"1.1}", b"1.50}"))
    assert b'"value": 1.50}' in received.contents[Category.LABORATORY]


@given(pad=st.sampled_from(["", " ", "\n", "\r\n  ", "\t"]), order=st.permutations(range(3)))
@settings(max_examples=25, deadline=None)
def test_a_resource_is_kept_exactly_as_it_was_written(pad: str, order: list[int]) -> None:
    members = ['"resourceType" : "Condition"', '"subject":{ "reference" : "Patient/p1" }', '"id":"\\u0063"']
    literal = "{" + pad + f",{pad}".join(members[place] for place in order) + pad + "}"
    whole = bundle(PATIENT, "HERE").decode().replace('"HERE"', literal)
    kept = read_bundle(whole.encode()).contents[Category.CONDITIONS].decode()
    assert kept == " ".join(part for part in literal.replace("\r\n", "\n").split("\n"))
    assert "\n" not in kept


def test_line_breaks_between_tokens_never_split_a_resource() -> None:
    pretty = json.dumps(json.loads(bundle(PATIENT, CREATININE)), indent=2).encode()
    [line] = read_bundle(pretty).contents[Category.LABORATORY].splitlines()
    assert json.loads(line) == CREATININE


@pytest.mark.parametrize("reference", ["Patient/p1", "urn:uuid:p1"])
def test_a_resource_may_name_its_patient_by_id_or_urn(reference: str) -> None:
    received = read_bundle(bundle(PATIENT, CONDITION | {"subject": {"reference": reference}}))
    assert Category.CONDITIONS in received.contents


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert read_bundle(b"\xef\xbb\xbf" + bundle(PATIENT)).identifier.endswith("|17")


NAMES_ANOTHER = "names another patient"
REFUSED: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"patient,age\n17,62\n", "not JSON"),
    "nothing at all": (b"", "not JSON"),
    "not UTF-8": (bundle(PATIENT).replace(b"p1", b"\xff1"), "not UTF-8"),
    "cut short": (bundle(PATIENT)[:-3], "not JSON"),
    "no Bundle": (json.dumps(PATIENT).encode(), "no FHIR Bundle"),
    "an array": (b"[]", "no FHIR Bundle"),
    "nothing named": (b"{}", "no FHIR Bundle"),
    "no entries": (b'{"resourceType": "Bundle"}', "0 Patient"),
    "entries that are no array": (b'{"resourceType": "Bundle", "entry": {"resource": 1}}', "0 Patient"),
    "an entry without resource": (bundle(PATIENT).replace(b'"resource":', b'"fullUrl":'), "entry 0"),
    "an entry that is no object": (b'{"resourceType": "Bundle", "entry": [null]}', "entry 0"),
    "a resource without type": (bundle(PATIENT, {"id": "x"}), "entry 1 holds no resource"),
    "a type that is no text": (bundle(PATIENT, {"resourceType": 5}), "entry 1 holds no resource"),
    "two patients": (bundle(PATIENT, PATIENT | {"id": "p2"}), "2 Patient"),
    "no patient": (bundle(CONDITION), "0 Patient"),
    "another patient": (bundle(PATIENT, CONDITION | {"subject": {"reference": "Patient/p2"}}), NAMES_ANOTHER),
    "a patient by display alone": (bundle(PATIENT, CONDITION | {"subject": {"display": SECRET}}), NAMES_ANOTHER),
    "several subjects": (
        bundle(PATIENT, {"resourceType": "Account", "status": "active", "subject": [{"reference": "Patient/p1"}]}),
        NAMES_ANOTHER,
    ),
    "a patient without id": (
        bundle(
            {name: PATIENT[name] for name in PATIENT if name != "id"},
            CONDITION | {"subject": {"reference": "Patient/None"}},
        ),
        NAMES_ANOTHER,
    ),
    "no identifier": (bundle({"resourceType": "Patient", "id": "p1"}), "no identifier"),
    "nothing as identifier": (bundle(PATIENT | {"identifier": None}), "no identifier"),
    "nothing as category": (bundle(PATIENT, CREATININE | {"category": None}), "no category covers"),
    "an identifier without system": (bundle(PATIENT | {"identifier": [{"value": "17"}]}), "no identifier"),
    "a type of R5 only": (bundle(PATIENT, {"resourceType": "Transport"}), "entry 1 is of a type"),
    "a type that is a path": (bundle(PATIENT, {"resourceType": "../Patient"}), "entry 1 is of a type"),
    "a kind without category": (
        bundle(PATIENT, CONDITION | {"resourceType": "Flag", "status": "active", "code": {"text": "x"}}),
        "no category covers",
    ),
    "a category of another make": (
        bundle(
            PATIENT,
            {"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/p1"}, "category": ["food"]},
        ),
        "no category covers",
    ),
    "an observation without category": (
        bundle(PATIENT, {name: CREATININE[name] for name in CREATININE if name != "category"}),
        "no category covers",
    ),
    "a field twice": (bundle(PATIENT).replace(b'"id":', b'"id": "p0", "id":'), "names a field twice"),
    "NaN": (bundle(PATIENT, CREATININE).replace(b"1.1}", b"NaN}"), "NaN or Infinity"),
    "Infinity": (bundle(PATIENT, CREATININE).replace(b"1.1}", b"-Infinity}"), "NaN or Infinity"),
    "a number beyond all": (bundle(PATIENT, CREATININE).replace(b"1.1}", b"1e999}"), "no valid R4 Observation"),
    "a number of thousands of digits": (bundle(PATIENT, CREATININE).replace(b"1.1}", b"1" * 5000 + b"}"), "not JSON"),
    "nesting without end": (b"[" * 100_000, "not JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_single_patients_bundle_is_refused_with_its_place(name: str) -> None:
    received, told = REFUSED[name]
    with pytest.raises(FhirError, match=told) as caught:
        read_bundle(received)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"valueQuantity": {"value": SECRET}}, "valueQuantity"),
        ({"effectiveDateTime": SECRET}, "effectiveDateTime"),
        ({"status": [SECRET]}, "status"),
        ({SECRET: 1}, "a field"),
    ],
)
def test_an_invalid_resource_is_refused_by_its_field_and_never_by_its_content(wrong: Resource, field: str) -> None:
    with pytest.raises(FhirError, match=f"entry 1 is no valid R4 Observation: look at {field}") as caught:
        read_bundle(bundle(PATIENT, CREATININE | wrong))
    assert SECRET not in repr(caught.value)
    assert caught.value.__suppress_context__, "the library's own error repeats what it was given"


@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
@settings(max_examples=150, deadline=None)
def test_garbage_raises_nothing_but_the_one_error(received: bytes) -> None:
    with pytest.raises(FhirError):
        read_bundle(received)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
TYPES = ["Observation", "Condition", "Patient", "AllergyIntolerance", "Account", "SupplyRequest", "Bundle", "Element"]
FIELDS = ["subject", "patient", "category", "identifier", "code", "id", "status", "valueQuantity", "resourceType"]


@given(
    resource=st.sampled_from([PATIENT, CREATININE, CONDITION]),
    kind=st.sampled_from(TYPES),
    field=st.sampled_from(FIELDS),
    value=JSON,
)
@settings(max_examples=250, deadline=None)
def test_a_bundle_of_misshapen_parts_raises_nothing_but_the_one_error(
    resource: Resource, kind: str, field: str, value: object
) -> None:
    misshapen = resource | {"resourceType": kind} | {field: value}
    with suppress(FhirError):
        read_bundle(bundle(PATIENT, misshapen))
    with suppress(FhirError):
        read_bundle(bundle(misshapen))


def test_nesting_without_end_is_refused_beside_the_chain_too() -> None:
    """The chain's libraries raise Python's recursion limit so far that such a file would end the process."""
    from consent.adapters.evm import BLOCK_GAS

    assert BLOCK_GAS
    with pytest.raises(FhirError, match="not JSON"):
        read_bundle(b'{"a":' * 100_000)
