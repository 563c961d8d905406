"""From FHIR resources to rows: windows, units, reducers, labels, permissions, and nothing from after the index."""

import math
import random
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import Dictionary, Row, RowsError, resource_date
from tests.analytics.invented import (
    EVERYTHING,
    INDEX,
    TEXT,
    Records,
    alive,
    creatinine,
    dead,
    diabetes,
    edited,
    estimate,
    vital_status,
)

CREATININE, AGE, MALE, DIABETES = range(4)


def built(dictionary: Dictionary, records: Records, permitted: frozenset[str] = EVERYTHING) -> Row:
    row = dictionary.row(records, permitted)
    assert row is not None
    return row


def reduced(reducer: str, *measured: dict[str, Any]) -> float:
    dictionary = Dictionary.parse(edited('reducer = "last"', f'reducer = "{reducer}"'))
    return built(dictionary, {"laboratory": list(measured), "outcomes": [dead(INDEX)]}).features[CREATININE]


def test_a_person_becomes_a_row(dictionary: Dictionary, records: Records) -> None:
    row = built(dictionary, records)
    assert row.features == pytest.approx((1.5, 50.0, 1.0, 1.0), abs=0.01)
    assert (row.label, row.comparisons) == (1, (0.75,))


def test_reducers_sum_up_what_lies_in_the_window() -> None:
    measured = [creatinine(2, "1994-01-06"), creatinine(9, "1994-01-08"), creatinine(1, "1994-01-10")]
    expected = {"last": 1, "first": 2, "mean": 4, "min": 1, "max": 9}
    assert {name: reduced(name, *measured) for name in expected} == expected


def test_count_and_any_count_conditions() -> None:
    text = edited('reducer = "any"', 'reducer = "count"')
    found = {"conditions": [diabetes(), diabetes("1990-01-01")], "outcomes": [dead(INDEX)]}
    assert built(Dictionary.parse(text), found).features[DIABETES] == 2
    assert built(Dictionary.parse(TEXT), found).features[DIABETES] == 1


@pytest.mark.parametrize(
    ("when", "seen"), [("1994-01-04", False), ("1994-01-05", True), (INDEX, True), ("1994-01-13", False)]
)
def test_the_window_holds_both_its_days_and_no_other(when: str, *, seen: bool) -> None:
    assert math.isnan(reduced("last", creatinine(3, when))) is not seen


def test_of_two_values_of_one_day_the_later_instant_is_the_last() -> None:
    morning = creatinine(5, f"{INDEX}T08:00:00+02:00")
    evening = creatinine(4, f"{INDEX}T07:30:00Z")
    assert reduced("last", evening, morning) == reduced("last", morning, evening) == 4
    assert reduced("first", evening, morning) == 5


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("mg/dL", 1.5, 1.5),
        ("umol/L", 132.6, 1.5),
        ("mmol/L", 0.1326, 1.5),
        ("g/L", 1.5, math.nan),
        ("mg", 1.5, math.nan),
    ],
)
def test_units_are_converted_or_the_value_is_missing(unit: str, value: float, expected: float) -> None:
    assert reduced("last", creatinine(value, unit=unit)) == pytest.approx(expected, abs=0.001, nan_ok=True)


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "entered-in-error"},
        {"status": "preliminary"},
        {"effectiveDateTime": "1994"},
        {"effectiveDateTime": None},
        {"effectiveDateTime": None, "effectivePeriod": {"start": INDEX}},
        {"valueQuantity": {"value": 1, "unit": "mg/dL"}},
        {"valueQuantity": {"value": 1, "unit": "mg/dL", "system": "http://unitsofmeasure.org"}},
        {"valueQuantity": {"value": 1e39, "system": "http://unitsofmeasure.org", "code": "mg/dL"}},
        {"valueQuantity": None},
    ],
)
def test_a_measurement_that_states_nothing_sure_is_missing(broken: dict[str, Any]) -> None:
    assert math.isnan(reduced("last", creatinine(1) | broken))


def test_a_condition_refuted_or_recorded_after_the_index_did_not_occur(
    dictionary: Dictionary, records: Records
) -> None:
    refuted = diabetes() | {"verificationStatus": {"coding": [{"code": "refuted"}]}}
    late = diabetes("1994-02-01") | {"onsetDateTime": "1990-01-01"}
    assert built(dictionary, records | {"conditions": [refuted, late]}).features[DIABETES] == 0


def test_a_category_that_is_not_permitted_is_missing_whatever_the_records_hold(
    dictionary: Dictionary, records: Records
) -> None:
    row = built(dictionary, records, EVERYTHING - {"conditions", "laboratory", "assessments"})
    assert math.isnan(row.features[DIABETES])
    assert math.isnan(row.features[CREATININE])
    assert math.isnan(row.comparisons[0])


def test_within_a_permitted_category_a_condition_that_does_not_occur_is_0(dictionary: Dictionary) -> None:
    assert built(dictionary, {"outcomes": [dead(INDEX)]}).features[DIABETES] == 0


def test_without_the_outcome_permitted_there_is_no_row(dictionary: Dictionary, records: Records) -> None:
    assert dictionary.row(records, EVERYTHING - {"outcomes"}) is None


@pytest.mark.parametrize(
    ("outcomes", "label"),
    [
        ([dead(INDEX)], 1),
        ([dead("1994-07-11")], 1),
        ([dead("1994-07-12")], 0),
        ([alive("1994-07-11")], 0),
        ([alive("1994-07-10")], None),
        ([alive("1994-03-01"), dead("1994-04-01")], 1),
        ([dead("1994-03-01"), alive("1994-04-01")], None),
        ([dead("1994-01-11")], None),
        ([dead("1994-02")], None),
        ([vital_status("other", "1994-03-01")], None),
        ([dead(INDEX) | {"status": "entered-in-error"}], None),
        ([], None),
    ],
)
def test_the_label_is_known_or_there_is_no_row(
    dictionary: Dictionary, outcomes: list[dict[str, Any]], label: int | None
) -> None:
    row = dictionary.row({"outcomes": outcomes}, EVERYTHING)
    assert (row and row.label) == label


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4000), st.floats(0.1, 50), st.sampled_from(["", "T00:00:01Z", "T00:00:01+14:00"]))
def test_nothing_dated_after_the_index_reaches_a_row(days: int, value: float, midnight: str) -> None:
    dictionary = Dictionary.parse(TEXT)
    later = (date.fromisoformat(INDEX) + timedelta(days=days)).isoformat() + midnight
    before: Records = {"laboratory": [creatinine(1)], "outcomes": [dead("1994-03-01")]}
    planted: Records = {
        "demographics": [{"resourceType": "Patient", "birthDate": later[:10]}],
        "laboratory": [creatinine(1), creatinine(value, later)],
        "conditions": [diabetes(later)],
        "assessments": [estimate(0.5) | {"occurrenceDateTime": later}],
        "outcomes": [dead("1994-03-01")],
    }
    assert built(dictionary, planted) == built(dictionary, before)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 9), st.integers(1, 12)), min_size=1, max_size=8), st.randoms())
@pytest.mark.parametrize("reducer", ["last", "first", "mean"])
def test_a_row_depends_on_the_set_of_records_and_not_on_their_order(
    reducer: str, measured: list[tuple[float, int]], chance: random.Random
) -> None:
    found = [creatinine(value, f"1994-01-{day:02}") for value, day in measured]
    shuffled = chance.sample(found, len(found))
    assert math.isclose(reduced(reducer, *found), reduced(reducer, *shuffled), rel_tol=0) or math.isnan(
        reduced(reducer, *found)
    )


@pytest.mark.parametrize("moment", ["1994-13-45", "1994-01-12T10:00:60Z", "1994-01-12T25:00:00Z"])
def test_a_day_or_time_that_never_was_counts_as_no_date(moment: str) -> None:
    assert resource_date(creatinine(1.5) | {"effectiveDateTime": moment}) is None
    assert math.isnan(reduced("last", creatinine(1.5) | {"effectiveDateTime": moment}))


@pytest.mark.parametrize(
    "misshapen",
    [
        {"code": "2160-0"},
        {"code": {"coding": ["2160-0"]}},
        {"valueQuantity": "1.5 mg/dL"},
        {"effectiveDateTime": 19940112},
        {"valueQuantity": {"value": 10**400, "system": "http://unitsofmeasure.org", "code": "mg/dL"}},
    ],
)
def test_a_misshapen_resource_is_our_own_error_and_shows_nothing_of_itself(
    dictionary: Dictionary, records: Records, misshapen: dict[str, Any]
) -> None:
    records["laboratory"] = [creatinine(1.5) | misshapen]
    with pytest.raises(RowsError, match="not FHIR R4") as caught:
        dictionary.row(records, EVERYTHING)
    assert "2160-0" not in str(caught.value)


def test_something_that_is_no_resource_is_our_own_error(dictionary: Dictionary, records: Records) -> None:
    records["laboratory"] = [{"id": "1"}]
    with pytest.raises(RowsError):
        dictionary.row(records, EVERYTHING)


@pytest.mark.parametrize(
    ("resource", "day"),
    [
        ({"resourceType": "Observation", "effectiveDateTime": "1994-01-12T23:30:00-05:00"}, date(1994, 1, 12)),
        (
            {"resourceType": "Procedure", "performedPeriod": {"start": "1994-01-01", "end": "1994-01-03"}},
            date(1994, 1, 3),
        ),
        ({"resourceType": "Condition", "onsetDateTime": "1990-01-01", "recordedDate": "1994-01-02"}, date(1994, 1, 2)),
        ({"resourceType": "Condition", "onsetDateTime": "1990", "recordedDate": "1994-01-02"}, None),
        ({"resourceType": "Patient", "birthDate": "1944-01-12"}, None),
        ({"resourceType": "Observation"}, None),
    ],
)
def test_the_day_of_a_resource_is_the_one_by_which_it_was_known(resource: dict[str, Any], day: date | None) -> None:
    assert resource_date(resource) == day
