"""Who is in a cohort, from which day on, and what the query is called."""

import json
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import CohortError, CohortQuery, Dictionary
from consent.domain.hashing import canonical_json
from tests.services.house import DICTIONARY_TEXT

SCT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
FAILURE = {"condition": {"system": SCT, "codes": ["84114007"]}}
ADULT = {"demographics": {"age": [18, None]}}
HIGH = {"measurement": {"system": LOINC, "codes": ["2160-0"], "unit": "mg/dL", "range": [2, None], "window": [-7, 0]}}
EVERYTHING = frozenset({"conditions", "demographics", "laboratory", "medications", "procedures", "outcomes"})
DAY = date(2020, 6, 15)


def query(where: object, index: object | None = None) -> CohortQuery:
    return CohortQuery.parse(json.dumps({"version": 1, "index": index or {"first": FAILURE}, "where": where}))


def condition(day: date, code: str = "84114007") -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "code": {"coding": [{"system": SCT, "code": code}]},
        "recordedDate": day.isoformat(),
    }


def creatinine(day: date, value: float, unit: str = "mg/dL") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "2160-0"}]},
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": unit},
        "effectiveDateTime": day.isoformat(),
    }


def request(day: date, status: str = "active") -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "status": status,
        "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": "C03CA01"}]},
        "authoredOn": day.isoformat(),
    }


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


def person(*conditions: date, born: date = date(1950, 1, 1)) -> dict[str, list[dict[str, Any]]]:
    patient = {"resourceType": "Patient", "birthDate": born.isoformat(), "gender": "female"}
    return {"conditions": [condition(day) for day in conditions], "demographics": [patient]}


def test_the_first_or_the_last_event_is_the_index() -> None:
    records = person(ago(3), DAY, ago(9))
    assert query(ADULT).index_of(records, EVERYTHING) == ago(9)
    assert query(ADULT, {"last": FAILURE}).index_of(records, EVERYTHING) == DAY
    assert query(ADULT).index_of(person(), EVERYTHING) is None
    assert CohortQuery.everyone(DAY).index_of({}, frozenset()) == DAY


def test_age_is_that_on_the_index_day() -> None:
    young = person(ago(9), DAY, born=date(2002, 6, 10))
    assert query(ADULT).index_of(young, EVERYTHING) is None, "17 at the first event"
    assert query(ADULT, {"last": FAILURE}).index_of(young, EVERYTHING) == DAY


@pytest.mark.parametrize(
    ("born", "bounds", "inside"),
    [
        (date(2002, 6, 15), [18, None], True),
        (date(2002, 6, 16), [18, None], False),
        (date(1954, 6, 16), [18, 65], True),
        (date(1954, 6, 15), [18, 65], False),
        (DAY + timedelta(days=1), [0, None], False),
    ],
)
def test_an_age_is_counted_in_birthdays(born: date, bounds: list[int | None], inside: bool) -> None:  # noqa: FBT001  # an outcome
    where = {"demographics": {"age": bounds}}
    assert (query(where).index_of(person(DAY, born=born), EVERYTHING) == DAY) is inside


@pytest.mark.parametrize(
    ("where", "inside"),
    [
        (HIGH, True),
        ({"not": HIGH}, False),
        ({"all": [HIGH, {"demographics": {"gender": ["male"]}}]}, False),
        ({"any": [HIGH, {"demographics": {"gender": ["male"]}}]}, True),
        ({"at_least": {"n": 2, "of": [HIGH, ADULT, {"demographics": {"gender": ["male"]}}]}}, True),
        ({"at_least": {"n": 3, "of": [HIGH, ADULT, {"demographics": {"gender": ["male"]}}]}}, False),
        ({"all": []}, True),
        ({"medication": {"system": "http://www.whocc.no/atc", "codes": ["C03CA01"], "window": [-30, -1]}}, True),
        ({"medication": {"system": "http://www.whocc.no/atc", "codes": ["C03CA01"], "window": [-4, 0]}}, False),
        ({"procedure": {"system": SCT, "codes": ["1"]}}, False),
    ],
)
def test_a_tree_holds_as_it_reads(where: object, inside: bool) -> None:  # noqa: FBT001  # a parametrised outcome
    records = person(DAY) | {"laboratory": [creatinine(ago(5), 200, "umol/L")], "medications": [request(ago(5))]}
    found = query(where).index_of(records, EVERYTHING)
    assert (found == DAY) is inside


@pytest.mark.parametrize(
    "more",
    [
        {"status": "entered-in-error"}, {"status": "cancelled"}, {"status": "draft"},
        {"intent": "proposal"}, {"intent": "plan"}, {"intent": "option"}, {"doNotPerform": True},
    ],
)  # fmt: skip
def test_what_was_never_taken_is_no_medication(more: dict[str, Any]) -> None:
    where = {"medication": {"system": "http://www.whocc.no/atc", "codes": ["C03CA01"]}}
    assert query(where).index_of(person(DAY) | {"medications": [request(DAY)]}, EVERYTHING) == DAY
    records = person(DAY) | {"medications": [request(DAY) | more]}
    assert query(where).index_of(records, EVERYTHING) is None


def test_whoever_withholds_a_category_that_the_query_needs_is_not_in_the_cohort() -> None:
    records = person(DAY)
    assert query(ADULT).categories == {"conditions", "demographics"}
    assert query(ADULT).index_of(records, frozenset({"conditions", "demographics"})) == DAY
    assert query(ADULT).index_of(records, frozenset({"conditions", "laboratory"})) is None


class Watched(dict[str, list[dict[str, Any]]]):
    """One person's records, which fail whoever looks into a category that is not permitted."""

    def __init__(self, records: dict[str, list[dict[str, Any]]], permitted: frozenset[str]) -> None:
        super().__init__(records)
        self.permitted = permitted

    def __getitem__(self, category: str) -> list[dict[str, Any]]:
        assert category in self.permitted
        return super().__getitem__(category)

    def get(self, category: str, default: Any = None) -> Any:
        """Give one category's resources, if it is permitted."""
        assert category in self.permitted
        return super().get(category, default)

    def items(self) -> Any:
        """Give nothing: it would be everything."""
        raise AssertionError("looks at everything")

    values = __iter__ = items


@given(st.sets(st.sampled_from(sorted(EVERYTHING))).map(frozenset))
def test_nothing_outside_what_is_permitted_is_looked_at(permitted: frozenset[str]) -> None:
    records = Watched(person(DAY) | {"laboratory": [creatinine(DAY, 3)], "outcomes": []}, permitted)
    index = query({"any": [HIGH, ADULT]}).index_of(records, permitted)
    assert (index == DAY) is ({"conditions", "demographics", "laboratory"} <= permitted)
    Dictionary.parse(DICTIONARY_TEXT).row(records, permitted, index)


days = st.integers(1, 400).map(lambda n: DAY + timedelta(days=n))
planted = st.lists(
    st.builds(condition, days)
    | st.builds(creatinine, days, st.floats(0.1, 20))
    | st.builds(request, days),
    max_size=6,
)  # fmt: skip


@given(planted)
def test_what_is_dated_after_the_index_is_never_looked_at(future: list[dict[str, Any]]) -> None:
    """Neither the cohort nor a feature knows what was written down later, and the index stays the first event."""
    where = {"not": {"any": [HIGH, {"medication": {"system": "http://www.whocc.no/atc", "codes": ["C03CA01"]}}]}}
    vital = creatinine(DAY + timedelta(days=120), 0) | {
        "code": {"coding": [{"system": LOINC, "code": "67162-8"}]},
        "valueCodeableConcept": {"coding": [{"system": SCT, "code": "438949009"}]},
    }
    past = person(DAY) | {"laboratory": [creatinine(ago(20), 1.1)], "outcomes": [vital]}
    kinds = {"Condition": "conditions", "Observation": "laboratory", "MedicationRequest": "medications"}
    grown = {category: list(resources) for category, resources in past.items()} | {"medications": []}
    for resource in future:
        grown[kinds[resource["resourceType"]]].append(resource)
    cohort, dictionary = query(where), Dictionary.parse(DICTIONARY_TEXT.replace("index = 2020-06-15", ""))
    index = cohort.index_of(grown, EVERYTHING)
    assert index == cohort.index_of(past, EVERYTHING) == DAY
    row = dictionary.row(past, EVERYTHING, index)
    assert row is not None
    assert row.features[1] == 1.1  # the very number that was written
    assert dictionary.row(grown, EVERYTHING, index) == row


leaves = st.sampled_from([FAILURE, ADULT, HIGH, {"demographics": {"gender": ["male", "female"]}}])
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda members: {"any": members})
        | st.lists(inner, max_size=3).map(lambda members: {"all": members})
        | inner.map(lambda member: {"not": member})
    ),
    max_leaves=6,
)


@given(trees, st.randoms(use_true_random=False))
def test_an_id_is_that_of_the_meaning_and_what_is_written_is_read_again(
    tree: dict[str, Any], chance: Any
) -> None:  # Hypothesis' own random
    one = query(tree)
    assert query(_shuffled(tree, chance)).id == one.id
    assert CohortQuery.parse(one.to_bytes().decode()) == one
    assert canonical_json(one.to_json()) == one.to_bytes()


def _shuffled(tree: dict[str, Any], chance: Random) -> dict[str, Any]:
    [(word, inner)] = tree.items()
    if word == "not":
        return {"not": _shuffled(inner, chance)}
    if word in {"all", "any"}:
        members = [_shuffled(member, chance) for member in inner]
        members += members[:1]
        chance.shuffle(members)
        return {word: members}
    return tree


REFUSALS: list[tuple[object, str]] = [
    ({"all": [{"any": []}]}, r"^where\.all\[0\]\.any must have a member"),
    ({"some": []}, r"^where must be an object with exactly one of"),
    ({"condition": {"system": SCT, "codes": []}}, r"^where\.condition\.codes must be a list"),
    ({"condition": {"system": SCT, "codes": ["a"], "window": [-3, 1]}}, r"^where\.condition\.window must be two"),
    ({"condition": {"system": SCT, "codes": ["a"], "days": 3}}, r"^where\.condition must be an object with codes"),
    ({"condition": {"system": SCT, "codes": ["a"], "category": "x"}}, r"^where\.condition\.category must be one of"),
    (
        {"measurement": {"system": SCT, "codes": ["a"], "unit": "furlong", "range": [1, 2]}},
        r"^where\.measurement\.unit",
    ),
    ({"demographics": {"age": [10**400, None]}}, r"^where\.demographics\.age must be two numbers"),
    ({"demographics": {"age": [float("nan"), None]}}, r"^where\.demographics\.age must be two numbers"),
    ({"demographics": {"age": [90, 18]}}, r"^where\.demographics\.age begins above its end"),
    ({"demographics": {"gender": ["robot"]}}, r"^where\.demographics\.gender must be some of"),
    ({"at_least": {"n": 3, "of": [FAILURE, ADULT]}}, r"^where\.at_least\.n must be a whole number"),
    ({"at_least": {"n": 1, "of": [FAILURE, FAILURE]}}, r"^where\.at_least\.of must not name a member twice"),
    ({"all": [FAILURE] * 201}, r"^where\.all must be a list of at most 200"),
]


@pytest.mark.parametrize(("where", "complaint"), REFUSALS)
def test_a_query_that_breaks_a_rule_is_refused_with_its_place_and_without_its_words(
    where: object, complaint: str
) -> None:
    with pytest.raises(CohortError, match=complaint) as refusal:
        query(where)
    assert not {"robot", "furlong", "some"} & set(str(refusal.value).replace(",", "").split()) - {"some"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "[]",
        '{"version": 1, "index": {"day": "2020-01-01"}, "where": {"all": []}, "where": {"all": []}}',
        '{"version": 2, "index": {"day": "2020-01-01"}, "where": {"all": []}}',
        '{"version": 1, "index": {"day": "20200101"}, "where": {"all": []}}',
        '{"version": 1, "index": {"first": {"demographics": {"age": [1, 2]}}}, "where": {"all": []}}',
        '{"version": 1, "index": {"day": "2020-01-01"}, "where": {"all": []}, "more": 1}',
        " " * 1_000_001,
    ],
    ids=[
        "nothing",
        "brackets",
        "a list",
        "a key twice",
        "another version",
        "a day",
        "an index without a day",
        "more",
        "long",
    ],
)
def test_what_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(CohortError):
        CohortQuery.parse(text)


def test_a_query_reads_as_plain_sentences() -> None:
    where = {"all": [ADULT, {"not": HIGH}]}
    assert query(where).english() == (
        "People aged 18 or more and not with a measurement coded 2160-0 (LOINC), with a value of 2 or more mg/dL"
        " in the 7 days up to the index. The index is the day of the first condition coded 84114007 (SNOMED CT)."
        " Nothing after the index is looked at."
    )
    assert CohortQuery.everyone(DAY).english() == (
        "Everybody. The index is 15 June 2020 for everybody. Nothing after the index is looked at."
    )
