"""A table says of everybody what the cohort itself says, and keeps nothing of whoever leaves it."""

import gc
import weakref
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import CohortQuery, RowsError
from analytics.cohort_columns import calendar
from analytics.cohort_table import CohortTable
from tests.analytics.cohort_cases import CATEGORIES, MISSHAPEN, NONSENSE, PEOPLE, QUERIES
from tests.analytics.test_cohort import (
    ADULT,
    DAY,
    EVERYTHING,
    FAILURE,
    HIGH,
    LOINC,
    Watched,
    ago,
    condition,
    creatinine,
    person,
    query,
    request,
)

ATC = "http://www.whocc.no/atc"
Person = dict[str, list[Any]]
WIDE = settings(max_examples=200, suppress_health_check=list(HealthCheck))
WIDEST = settings(WIDE, max_examples=5_000)


def table(people: Sequence[Person], permitted: frozenset[str] = EVERYTHING) -> CohortTable:
    return CohortTable.built(((f"person-{number}", records) for number, records in enumerate(people)), permitted)


def expected(people: Sequence[Person], asked: CohortQuery, permitted: frozenset[str] = EVERYTHING) -> list[bool]:
    return [asked.index_of(records, permitted) is not None for records in people]


def outcome(members: Any) -> list[bool] | str:
    try:
        return list(members())
    except RowsError:
        return "refused"


def columns(of: CohortTable) -> list[Any]:
    """Return all that a table holds but the names, byte for byte."""
    everything: list[Any] = [(key, one.groups, *map(np.ndarray.tobytes, one.arrays)) for key, one in of._events.items()]
    return everything + [(key, *map(np.ndarray.tobytes, one.arrays)) for key, one in of._patients.items()]


def is_equal(people: list[Person], asked: list[CohortQuery], permitted: frozenset[str], stay: list[bool]) -> None:
    """Compare before and after some people left, which is as if they had never been there."""
    mask = np.resize(np.array(stay, np.bool_), len(people))
    everybody, others = table(people, permitted), [one for one, stays in zip(people, mask, strict=True) if stays]
    left = everybody.kept(mask)
    for one in asked:
        assert list(everybody.members(one)) == expected(people, one, permitted)
        assert list(left.members(one)) == expected(others, one, permitted)
    assert columns(left) == columns(table(others, permitted))


ANYBODY = (
    st.lists(PEOPLE, max_size=6),
    st.lists(QUERIES, min_size=1, max_size=4),
    st.just(EVERYTHING) | st.frozensets(st.sampled_from(CATEGORIES), min_size=4),
    st.lists(st.booleans(), min_size=1, max_size=6),
)


@WIDE
@given(*ANYBODY)
def test_a_table_equals_the_cohort(
    people: list[Person], asked: list[CohortQuery], permitted: frozenset[str], stay: list[bool]
) -> None:
    is_equal(people, asked, permitted, stay)


@pytest.mark.soak
@WIDEST
@given(*ANYBODY)
def test_a_table_equals_the_cohort_of_many_more(
    people: list[Person], asked: list[CohortQuery], permitted: frozenset[str], stay: list[bool]
) -> None:
    is_equal(people, asked, permitted, stay)


def is_refused_alike(people: list[Person], asked: list[CohortQuery]) -> None:
    """Compare alone, and together with everybody else, who can make all fail."""
    together = table(people)
    assert columns(table([*people, *people]).kept(np.arange(2 * len(people)) >= len(people))) == columns(together)
    for one in asked:
        alone = [outcome(lambda r=records, q=one: expected([r], q)) for records in people]
        assert [outcome(lambda r=records, q=one: table([r]).members(q)) for records in people] == alone
        all_at_once = "refused" if "refused" in alone else [inside == [True] for inside in alone]
        assert outcome(lambda q=one: together.members(q)) == all_at_once


BROKEN = (st.lists(MISSHAPEN, max_size=3), st.lists(QUERIES, min_size=1, max_size=3))


@WIDE
@given(*BROKEN)
def test_a_table_fails_where_the_cohort_fails(people: list[Person], asked: list[CohortQuery]) -> None:
    is_refused_alike(people, asked)


@pytest.mark.soak
@WIDEST
@given(*BROKEN)
def test_a_table_fails_where_the_cohort_fails_of_many_more(people: list[Person], asked: list[CohortQuery]) -> None:
    is_refused_alike(people, asked)


def test_each_person_has_an_index_of_their_own() -> None:
    people = [
        person(DAY) | {"laboratory": [creatinine(ago(3), 3)]},
        person(ago(20)) | {"laboratory": [creatinine(ago(3), 3)]},
        person(DAY, ago(40)) | {"laboratory": [creatinine(ago(3), 3)]},
        person() | {"laboratory": [creatinine(ago(3), 3)]},
    ]
    assert table(people).members(query(HIGH)).tolist() == [True, False, False, False]
    assert table(people).members(query(HIGH, {"last": FAILURE})).tolist() == [True, False, True, False]
    assert table(people).members(query({"not": HIGH})).tolist() == [False, True, True, False]
    assert table([]).members(query(HIGH)).tolist() == []


def test_the_first_code_that_was_asked_for_decides_how_a_value_is_converted() -> None:
    """A millimole of glucose is 18 milligrams a decilitre, one of creatinine 11."""
    asked = query(
        {"measurement": {"system": LOINC, "codes": ["2160-0", "2345-7"], "unit": "mg/dL", "range": [50, None]}},
        {"day": DAY.isoformat()},
    )
    codes = [{"system": LOINC, "code": "2345-7"}, {"system": LOINC, "code": "2160-0"}]
    glucose = creatinine(DAY, 4, "mmol/L") | {"code": {"coding": codes}}
    other = creatinine(DAY, 4, "mmol/L") | {"code": {"coding": codes[::-1]}}
    assert table([{"laboratory": [glucose]}, {"laboratory": [other]}]).members(asked).tolist() == [True, False]


def test_birthdays_are_counted_as_the_cohort_counts_them() -> None:
    """Every day of four years beside 29 February and the turn of a year."""
    births = [date(2000, 2, 28), date(2000, 2, 29), date(2000, 3, 1), date(1999, 12, 31), date(2001, 1, 1)]
    people = [person(born=born) for born in births]
    everybody, start = table(people), date(2018, 1, 1).toordinal()
    for day in map(date.fromordinal, range(start, start + 4 * 366)):
        asked = query({"demographics": {"age": [18, 20]}}, {"day": day.isoformat()})
        assert everybody.members(asked).tolist() == expected(people, asked)


def test_nobody_is_in_a_cohort_that_needs_what_is_not_permitted_and_nothing_of_it_is_read() -> None:
    permitted = frozenset({"conditions"})
    watched = Watched(person(DAY), permitted)
    few = table([watched], permitted)
    assert few.members(query(ADULT)).tolist() == [False]
    assert few.members(query({"all": []})).tolist() == [True]


def test_only_the_queries_that_meet_a_misshapen_resource_fail_and_only_while_its_person_stays() -> None:
    people = [person(DAY), person(DAY) | {"laboratory": [creatinine(ago(1), 3) | {"valueQuantity": 5}]}]
    everybody = table(people)
    assert everybody.members(query(ADULT)).tolist() == [True, True]
    with pytest.raises(RowsError, match="not FHIR R4"):
        everybody.members(query(HIGH))
    assert everybody.kept(np.array([True, False])).members(query(HIGH)).tolist() == [False]


WHOLE: Person = {
    "conditions": [condition(ago(1)) | {"verificationStatus": {"coding": [{"code": "confirmed"}]}}],
    "demographics": [{"resourceType": "Patient", "birthDate": "1950-01-01", "gender": "female"}],
    "laboratory": [creatinine(ago(1), 3)],
    "medications": [request(ago(1)) | {"intent": "order"}],
}
MEETS = [
    query(HIGH, {"day": DAY.isoformat()}),
    query({"all": []}),
    query(ADULT, {"day": DAY.isoformat()}),
    query({"demographics": {"gender": ["female"]}}, {"day": DAY.isoformat()}),
    query({"medication": {"system": ATC, "codes": ["C03CA01"]}}, {"day": DAY.isoformat()}),
]


def spoilt(value: Any, nonsense: Any) -> Iterator[Any]:
    """Yield copies of a value with nonsense, or nothing, in each place."""
    yield nonsense
    if isinstance(value, list):
        yield from ([one] for one in spoilt(value[0], nonsense))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield {other: kept for other, kept in value.items() if other != name}
            yield from (value | {name: one} for one in spoilt(inner, nonsense))


@pytest.mark.parametrize("category", WHOLE)
@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda nonsense: str(nonsense)[:9])
def test_nonsense_in_any_place_does_to_a_table_what_it_does_to_the_cohort(category: str, nonsense: Any) -> None:
    """Alone, before, and after a resource that decides."""
    sound = WHOLE[category]
    for one in spoilt(sound[0], nonsense):
        for resources in ([one], [one, *sound], [*sound, one]):
            records = WHOLE | {category: resources}
            everybody = table([records])
            for asked in MEETS:
                assert outcome(lambda t=everybody, q=asked: t.members(q)) == outcome(
                    lambda r=records, q=asked: expected([r], q)
                )


def test_records_that_are_no_list_of_resources_fail_the_queries_that_look_for_them() -> None:
    everybody = table([{"conditions": None}])  # type: ignore[dict-item]  # what this is about
    assert everybody.members(CohortQuery.everyone(DAY)).tolist() == [True]
    with pytest.raises(RowsError):
        everybody.members(query({"all": []}))


def test_a_value_beyond_all_numbers_once_it_is_converted_is_above_every_bound() -> None:
    people: list[Person] = [{"laboratory": [creatinine(DAY, 1.7e308, "mmol/L")]}]
    assert table(people).members(MEETS[0]).tolist() == expected(people, MEETS[0]) == [True]


RARE = "rare-1"
REMEMBERED = (
    RARE,
    "furlong",
    "person-1",
    123456.789,
    calendar(date(1931, 5, 4)),
    ago(77).toordinal(),
)


@WIDE
@given(st.lists(PEOPLE | MISSHAPEN, max_size=6), st.lists(QUERIES, min_size=1, max_size=4))
def test_of_those_who_are_readable_no_query_fails(people: list[Person], asked: list[CohortQuery]) -> None:
    """Else whether it fails told, for nothing and without noise, of the one whose record is misshapen."""
    everybody = table(people)
    mask = everybody.readable()
    left = everybody.kept(mask)
    for one in asked:
        stay = [person for person, stays in zip(people, mask, strict=True) if stays]
        assert list(left.members(one)) == [outcome_of(one, person) for person in stay]


def outcome_of(one: CohortQuery, records: Person) -> bool:
    return one.index_of(records, EVERYTHING) is not None


def rare() -> Person:
    """Return a person of whom every value is like nobody else's."""
    patient = {"resourceType": "Patient", "birthDate": "1931-05-04", "gender": "other"}
    measured = creatinine(ago(77), 123456.789, "furlong")
    return {"conditions": [condition(ago(77), RARE)], "demographics": [patient], "laboratory": [measured]}


def held(root: object) -> Iterator[object]:
    """Yield every text and number that can be reached from an object, those of its arrays and their bases too."""
    seen, open_ends = set[int](), [root]
    while open_ends:
        one = open_ends.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            open_ends.append(one.base)
            yield from one.tolist()
        elif isinstance(one, str | float | int):
            yield one
        else:  # of a dictionary, the collector does not follow texts that are keys
            open_ends += [*one, *one.values()] if isinstance(one, dict) else gc.get_referents(one)


def test_nothing_of_who_was_left_out_is_in_the_table() -> None:
    everybody = table([person(DAY), rare(), person(ago(9))])
    assert set(REMEMBERED) <= set(held(everybody)), "the test sees what is there"
    left = everybody.kept(np.array([True, False, True]))
    assert not set(REMEMBERED) & set(held(left))
    assert left.names == ("person-0", "person-2")
    assert left.nbytes < everybody.nbytes
    assert left.members(query(ADULT)).tolist() == [True, True]


def test_the_table_of_before_is_gone_once_it_is_dropped() -> None:
    everybody = table([person(DAY), rare()])
    arrays = [weakref.ref(array) for events in everybody._events.values() for array in events.arrays]
    arrays += [weakref.ref(array) for patients in everybody._patients.values() for array in patients.arrays]
    everybody = everybody.kept(np.array([True, False]))
    gc.collect()
    assert [array() for array in arrays] == [None] * len(arrays)
    assert everybody.names == ("person-0",)


@pytest.mark.parametrize("mask", [np.array([True]), np.array([0, 1]), np.array([[True, False]])])
def test_a_mask_has_a_truth_value_for_each_person(mask: Any) -> None:
    with pytest.raises(ValueError, match="truth value"):
        table([person(DAY), person(ago(9))]).kept(mask)


def test_a_table_says_nothing_when_it_is_printed() -> None:
    assert RARE not in repr(table([rare()]))
    assert "person" not in repr(table([rare()]))
