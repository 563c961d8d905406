"""Where a resource belongs, and what it says of its own truth."""

import importlib
import json
import re
from importlib.resources import files

import pytest
from fhir.resources.R4B.resource import Resource as Model

from analytics.fhir import resource_date
from consent.adapters.fhir.categories import (
    ADMINISTRATIVE,
    BY_CODES_ALONE,
    CATEGORY_BY_CODE,
    CATEGORY_BY_SERVICE,
    CATEGORY_BY_TYPE,
    SENSITIVE_FIRST,
)
from consent.domain.terms import Category
from tests.adapters.fhir.exports import (
    OBSERVATION_CATEGORY,
    Resource,
    bundle,
    condition,
    ndjson,
    observation,
    only,
    patient,
    taken,
)

SERVICE = "http://terminology.hl7.org/CodeSystem/v2-0074"


def coded(*codings: tuple[str, str], kind: str = "Observation") -> Resource:
    concepts = [
        {"coding": [{"system": system, "code": code} if system else {"code": code}]} for system, code in codings
    ]
    return observation(category="") | {"resourceType": kind, "category": concepts}


def types_of_r4b() -> set[str]:
    modules = (
        path.name.removesuffix(".py") for path in files("fhir.resources.R4B").iterdir() if path.name.endswith(".py")
    )
    found = set()
    for name in modules:
        module = importlib.import_module(f"fhir.resources.R4B.{name}")
        found |= {
            kind.__name__
            for kind in vars(module).values()
            if isinstance(kind, type) and issubclass(kind, Model) and kind.__module__ == module.__name__
        }
    return found - {"Resource", "DomainResource", "Bundle"}


def test_every_type_of_resource_has_a_home_or_is_left_out() -> None:
    homes = set(CATEGORY_BY_TYPE) | BY_CODES_ALONE
    assert types_of_r4b() <= homes | ADMINISTRATIVE
    assert homes <= types_of_r4b()
    assert homes.isdisjoint(ADMINISTRATIVE)


def test_every_category_has_its_place_among_the_sensitive_ones() -> None:
    assert sorted(SENSITIVE_FIRST) == sorted(Category)
    assert set(CATEGORY_BY_TYPE.values()) | set(CATEGORY_BY_CODE.values()) == set(Category)


@pytest.mark.parametrize(
    ("code", "home"),
    [
        ("vital-signs", Category.VITAL_SIGNS),
        ("laboratory", Category.LABORATORY),
        ("social-history", Category.SOCIAL_HISTORY),
        ("survey", Category.SURVEYS),
        ("imaging", Category.IMAGING),
        ("procedure", Category.PROCEDURES),
        ("therapy", Category.PROCEDURES),
        ("exam", Category.ASSESSMENTS),
        ("activity", Category.SOCIAL_HISTORY),
        ("outcome", Category.OUTCOMES),
    ],
)
def test_an_observation_goes_where_its_category_says(code: str, home: Category) -> None:
    assert only(coded((OBSERVATION_CATEGORY, code))).category == home
    assert only(coded(("", code))).category == home


@pytest.mark.parametrize(
    ("code", "home"),
    [
        ("LAB", Category.LABORATORY), ("HM", Category.LABORATORY), ("CH", Category.LABORATORY),
        ("MB", Category.LABORATORY), ("RAD", Category.IMAGING), ("CT", Category.IMAGING), ("MR", Category.IMAGING),
        ("GE", Category.GENOMICS), ("CG", Category.GENOMICS), ("EC", Category.PROCEDURES), ("PHY", Category.NOTES),
    ],
)  # fmt: skip
def test_a_report_goes_where_its_diagnostic_service_says(code: str, home: Category) -> None:
    assert only(coded((SERVICE, code), kind="DiagnosticReport")).category == home
    assert only(coded(("", code), kind="DiagnosticReport")).category == home


def test_the_most_sensitive_of_several_codes_counts_in_any_order() -> None:
    laboratory, genetics = (OBSERVATION_CATEGORY, "laboratory"), (SERVICE, "GE")
    for codes in ((laboratory, genetics), (genetics, laboratory)):
        assert only(coded(*codes)).category == Category.GENOMICS
    assert only(coded((OBSERVATION_CATEGORY, "survey"), ("", "sdoh"))).category == Category.SOCIAL_HISTORY


def test_a_sensitive_code_moves_a_resource_of_any_type_and_others_do_not() -> None:
    def category(code: str) -> Category:
        return only(condition(category=[{"coding": [{"code": code}]}])).category

    assert category("sdoh") == Category.SOCIAL_HISTORY
    assert category("GE") == Category.GENOMICS
    assert category("laboratory") == Category.CONDITIONS
    assert category("problem-list-item") == Category.CONDITIONS


@pytest.mark.parametrize(
    "codes", [[], [("https://other.example", "LAB")], [(SERVICE, "OTH")], [(OBSERVATION_CATEGORY, "unheard-of")]]
)
@pytest.mark.parametrize("kind", ["Observation", "DiagnosticReport"])
def test_what_says_nothing_known_of_its_kind_is_a_problem(kind: str, codes: list[tuple[str, str]]) -> None:
    found = taken(bundle(patient(), coded(*codes, kind=kind)))
    assert [problem.what for problem in found.problems] == [
        f"no code of this {kind} says of what kind it is: look at category"
    ]


@pytest.mark.parametrize(
    ("resource", "home"),
    [
        ({"resourceType": "AllergyIntolerance", "patient": ..., "category": ["food"]}, Category.CONDITIONS),
        (
            {
                "resourceType": "FamilyMemberHistory",
                "patient": ...,
                "status": "completed",
                "relationship": {"text": "x"},
            },
            Category.CONDITIONS,
        ),
        (
            {
                "resourceType": "Immunization",
                "patient": ...,
                "status": "completed",
                "vaccineCode": {"text": "x"},
                "occurrenceString": "x",
            },
            Category.MEDICATIONS,
        ),
        (
            {"resourceType": "Encounter", "subject": ..., "status": "finished", "class": {"code": "AMB"}},
            Category.ENCOUNTERS,
        ),
        ({"resourceType": "CarePlan", "subject": ..., "status": "active", "intent": "plan"}, Category.CARE_PLANS),
        (
            {"resourceType": "Goal", "subject": ..., "lifecycleStatus": "active", "description": {"text": "x"}},
            Category.CARE_PLANS,
        ),
        ({"resourceType": "CareTeam", "subject": ...}, Category.CARE_PLANS),
        (
            {
                "resourceType": "DocumentReference",
                "subject": ...,
                "status": "current",
                "content": [{"attachment": {"data": "eA=="}}],
            },
            Category.NOTES,
        ),
        (
            {"resourceType": "Media", "subject": ..., "status": "completed", "content": {"data": "eA=="}},
            Category.IMAGING,
        ),
        ({"resourceType": "MolecularSequence", "patient": ..., "coordinateSystem": 0}, Category.GENOMICS),
        ({"resourceType": "QuestionnaireResponse", "subject": ..., "status": "completed"}, Category.SURVEYS),
        ({"resourceType": "RiskAssessment", "subject": ..., "status": "final"}, Category.ASSESSMENTS),
    ],
)
def test_other_types_have_one_home_and_an_attachment_stays_inside(resource: Resource, home: Category) -> None:
    whole = {name: {"reference": "Patient/p1"} if value is ... else value for name, value in resource.items()}
    found = only(whole)
    assert found.category == home
    assert json.loads(found.content) == whole


def test_administrative_resources_are_left_out_and_counted_by_type() -> None:
    found = taken(
        bundle(patient(), *[{"resourceType": kind, "whatever": 1} for kind in ("Claim", "Coverage", "Claim")])
    )
    assert [(each.resource_type, each.count) for each in found.left_out] == [("Claim", 2), ("Coverage", 1)]
    assert found.problems == []


@pytest.mark.parametrize(
    "wrong",
    [
        observation(status="entered-in-error"),
        condition(verificationStatus={"coding": [{"system": "x:", "code": "confirmed"}, {"code": "entered-in-error"}]}),
        {
            "resourceType": "DocumentReference",
            "subject": {"reference": "Patient/p1"},
            "status": "entered-in-error",
            "content": [{"attachment": {}}],
        },
        {
            "resourceType": "DocumentReference",
            "subject": {"reference": "Patient/p1"},
            "status": "current",
            "docStatus": "entered-in-error",
            "content": [{"attachment": {}}],
        },
        {
            "resourceType": "Goal",
            "subject": {"reference": "Patient/p1"},
            "lifecycleStatus": "entered-in-error",
            "description": {"text": "x"},
        },
    ],
)
def test_what_was_entered_in_error_is_withdrawn_whichever_field_says_so(wrong: Resource) -> None:
    assert only(wrong).withdrawn


def test_what_stands_is_not_withdrawn() -> None:
    assert not only(observation()).withdrawn
    assert not only(condition(verificationStatus={"coding": [{"code": "refuted"}]})).withdrawn
    assert not only(observation(note=[{"text": "entered-in-error"}])).withdrawn


def test_last_updated_is_kept_as_written() -> None:
    assert (
        only(observation(meta={"lastUpdated": "2020-01-01T00:00:00.000+02:00"})).updated
        == "2020-01-01T00:00:00.000+02:00"
    )
    assert only(observation(meta={"versionId": "1"})).updated == ""


def test_a_resource_without_id_is_named_by_its_content() -> None:
    nameless = {name: value for name, value in observation().items() if name != "id"}
    name = only(nameless).name
    assert re.fullmatch(r"Observation/sha256:[0-9a-f]{32}", name)
    assert only(nameless).name == name
    assert only(nameless | {"status": "amended"}).name != name
    assert taken(ndjson(patient(), nameless | {"id": name.partition("/")[2]})).problems, "no id is such a name"


@pytest.mark.parametrize(
    "dated",
    [
        {"resourceType": "Encounter", "period": {"start": "2020-01-01", "end": "2020-03-04T01:02:03Z"}},
        {"resourceType": "Immunization", "occurrenceDateTime": "2020-03-04"},
        {"resourceType": "DiagnosticReport", "effectiveDateTime": "2020-03-04"},
    ],
)
def test_resources_of_new_types_have_a_day_for_the_window(dated: Resource) -> None:
    day = resource_date(dated)
    assert day is not None
    assert day.isoformat() == "2020-03-04"


def test_services_codes_are_of_one_category_each() -> None:
    assert set(CATEGORY_BY_SERVICE).isdisjoint(CATEGORY_BY_CODE)
