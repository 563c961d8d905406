"""FHIR R4 as it is stored, in plain words: what it is, of which day, what was found; any other shape breaks nothing."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.adapters.fhir.categories import BY_CODES_ALONE, CATEGORY_BY_TYPE
from consent.services.portal.plain_records import PlainRecord, plain
from consent.web.records import KINDS

MAY_3 = date(2026, 5, 3)
LONGEST = 300


def read(kind: str = "Observation", **members: Any) -> PlainRecord:
    return plain({"resourceType": kind, **members})


def concept(text: str = "", code: str = "", display: str = "") -> dict[str, Any]:
    coding = {name: value for name, value in (("code", code), ("display", display)) if value}
    return ({"text": text} if text else {}) | ({"coding": [coding]} if coding else {})


# ------------------------------------------------------------------------------------------------------ kind by kind

EVERY_KIND: dict[str, tuple[dict[str, Any], str, date | None, tuple[tuple[str, str], ...]]] = {
    "Patient": (
        {"birthDate": "1980-02-01", "gender": "female", "deceasedDateTime": "2026-05-03"},
        "",
        date(1980, 2, 1),
        (("birthDate", "1980-02-01"), ("gender", "female"), ("deceasedDateTime", "2026-05-03")),
    ),
    "Observation": (
        {
            "code": concept("Creatinine in blood", "2160-0"),
            "effectiveDateTime": "2026-05-03T10:00:00Z",
            "valueQuantity": {"value": 1.15, "comparator": "<", "unit": "mg/dL"},
        },
        "Creatinine in blood",
        MAY_3,
        (("", "<1.15 mg/dL"),),
    ),
    "Condition": (
        {"code": concept(display="Asthma", code="195967001"), "onsetDateTime": "2026-05-03", "recordedDate": "2026-06"},
        "Asthma",
        MAY_3,
        (),
    ),
    "MedicationRequest": (
        {"medicationCodeableConcept": concept("Amlodipine 5 mg"), "authoredOn": "2026-05-03"},
        "Amlodipine 5 mg",
        MAY_3,
        (),
    ),
    "Procedure": (
        {"code": concept("Biopsy"), "performedPeriod": {"start": "2026-05-03", "end": "2026-05-04"}},
        "Biopsy",
        MAY_3,
        (),
    ),
    "Encounter": (
        {"type": [concept("Visit at the clinic")], "period": {"start": "2026-05-03T08:00:00+02:00"}},
        "Visit at the clinic",
        MAY_3,
        (),
    ),
    "DocumentReference": (
        {"type": concept("Letter"), "description": "From the ward", "date": "2026-05-03T08:00:00Z"},
        "Letter",
        MAY_3,
        (),
    ),
    "CarePlan": ({"title": "Walk every day", "period": {"start": "2026-05-03"}}, "Walk every day", MAY_3, ()),
    "ImagingStudy": (
        {"description": "Chest, two views", "started": "2026-05-03T08:00:00Z"},
        "Chest, two views",
        MAY_3,
        (),
    ),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_each_kind_that_the_portal_names_has_its_title_its_day_and_what_was_found(kind: str) -> None:
    members, title, day, values = EVERY_KIND[kind]
    found = read(kind, **members)
    assert (found.kind, found.title, found.day, found.values) == (kind, title, day, values)
    assert found.raw == {"resourceType": kind, **members}


def test_all_kinds_with_words_of_their_own_are_tried_here() -> None:
    assert KINDS.keys() == EVERY_KIND.keys()


@pytest.mark.parametrize("kind", sorted({*CATEGORY_BY_TYPE, *BY_CODES_ALONE, "NoKindAtAll", ""}))
def test_of_any_kind_that_says_nothing_there_is_nothing(kind: str) -> None:
    found = read(kind, status="final", subject={"reference": "Patient/1"})
    assert (found.kind, found.title, found.day, found.values) == (kind, "", None, ())


def test_what_names_no_kind_has_none() -> None:
    assert plain({}) == PlainRecord("", "", None, (), {})


# ------------------------------------------------------------------------------------------------------------- titles


def test_words_come_before_codes_and_a_code_is_a_value() -> None:
    found = read(code=concept(code="2160-0"), category=[concept(code="laboratory")])
    assert (found.title, found.values) == ("", (("code", "2160-0"),))
    found = read(code=concept(code="2160-0"), category=[concept("Laboratory")])
    assert (found.title, found.values) == ("Laboratory", ())


@pytest.mark.parametrize("blank", ["", " ", "\t\n", None, 7, {}, []])
def test_a_blank_text_hides_no_other_name(blank: object) -> None:
    code = {"text": blank, "coding": [{"display": blank}, {"code": "x", "display": "Asthma"}]}
    assert read("Condition", code=code).title == "Asthma"


def test_a_title_is_cut_where_it_is_endless() -> None:
    assert read(code=concept("a" * 10_000)).title == "a" * LONGEST


# -------------------------------------------------------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("members", "day", "part"),
    [
        ({"effectiveDateTime": "2026-05"}, None, "2026-05"),
        ({"effectiveDateTime": "2026"}, None, "2026"),
        ({"effectiveDateTime": "2025", "issued": "2026-05-03T00:00:00Z"}, None, "2025"),
        ({"effectivePeriod": {"start": "2026-05", "end": "2026-06-01"}}, None, "2026-05"),
        ({"effectivePeriod": {"end": "2026-05-03"}}, MAY_3, ""),
        ({"issued": "2026-05-03T23:59:59-11:00"}, MAY_3, ""),
        ({"effectiveDateTime": "2026-02-30", "issued": "2026-05-03"}, MAY_3, ""),
        ({"effectiveDateTime": "soon", "issued": "2026-05-03"}, MAY_3, ""),
        ({"effectiveDateTime": "", "effectivePeriod": {}, "issued": 20260503}, None, ""),
        ({}, None, ""),
    ],
)
def test_the_day_is_of_when_it_was_and_one_that_is_known_in_part_is_told_as_far_as_it_is(
    members: dict[str, Any], day: date | None, part: str
) -> None:
    found = read(**members)
    assert found.day == day
    assert found.values == ((("when", part),) if part else ())


def test_a_birth_date_known_in_part_is_told_once() -> None:
    found = read("Patient", birthDate="1980")
    assert (found.day, found.values) == (None, (("birthDate", "1980"),))


# ------------------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("valueQuantity", {"value": 1234567.5, "unit": "/uL"}, "1234567.5 /uL"),
        ("valueQuantity", {"value": 0.0000125, "code": "g"}, "0.0000125 g"),
        ("valueQuantity", {"value": 5}, "5"),
        ("valueQuantity", {"value": 0, "unit": "mg"}, "0 mg"),
        ("valueInteger", 25_000_000, "25000000"),
        ("valueInteger", 0, "0"),
        ("valueBoolean", False, "no"),
        ("valueBoolean", True, "yes"),
        ("valueString", "  Growth of one kind ", "Growth of one kind"),
        ("valueCodeableConcept", concept(code="260385009", display="Negative"), "Negative"),
        ("valueCodeableConcept", concept(code="260385009"), "260385009"),
        ("valuePeriod", {"start": "2026-05-03T08:00:00Z", "end": "2026-05-04"}, "2026-05-03 - 2026-05-04"),
        ("valueDateTime", "2026-05-03T08:00:00Z", "2026-05-03T08:00:00Z"),
        ("dataAbsentReason", concept("The sample was lost"), "The sample was lost"),
    ],
)
def test_a_value_is_told_as_it_was_sent(member: str, value: object, words: str) -> None:
    members: dict[str, Any] = {member: value}
    assert read(**members).values == (("", words),)


def test_a_blood_pressure_has_both_its_values() -> None:
    parts = [
        {"code": concept("Upper"), "valueQuantity": {"value": 120, "unit": "mmHg"}},
        {"code": concept(code="8462-4"), "valueQuantity": {"value": 80, "unit": "mmHg"}},
        {"code": concept("Not taken"), "dataAbsentReason": concept("Refused")},
    ]
    assert read(component=parts).values == (("Upper", "120 mmHg"), ("8462-4", "80 mmHg"), ("Not taken", "Refused"))


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e308, 5e-324, float("inf"), float("nan")])
def test_a_number_of_any_size_is_told_in_few_characters(number: float) -> None:
    [(_name, words)] = read(valueDecimal=number).values
    assert len(words) <= LONGEST


def test_hostile_text_stays_text_and_is_cut() -> None:
    hostile = "<script>alert(1)</script>\u202e{{ 7*7 }}%(name)s"
    found = read(code=concept(hostile), valueQuantity={"value": 1, "unit": hostile * 100, "comparator": ["<", {}]})
    assert found.title == hostile
    [(_name, words)] = found.values
    assert words.startswith("<1 <script>")
    assert len(words) < 3 * LONGEST


# ---------------------------------------------------------------------------------------------------------- any shape

MEMBERS = ["code", "category", "component", "type", "title", "period", "effectivePeriod", "effectiveDateTime"]
MEMBERS += ["valueQuantity", "valueCodeableConcept", "valuePeriod", "dataAbsentReason", "birthDate", "resourceType"]
INNER = ["text", "coding", "code", "display", "start", "end", "value", "unit", "comparator", "valueString", "x"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text("a <&\u202e\0")
    | st.sampled_from(["", "2026-05-03", "2026"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(INNER), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(MEMBERS), JSON))
def test_any_shape_of_any_member_is_read_without_a_failure(members: dict[str, Any]) -> None:
    found = plain(json.loads(json.dumps({"resourceType": "Observation"} | members)))
    assert all(value and isinstance(value, str) for _name, value in found.values)
    assert len(found.title) <= LONGEST
