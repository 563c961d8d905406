"""Invented people: what an import takes, what the dictionary reads, and whom a query means."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from itertools import islice
from typing import Any

import numpy as np
import pytest

from analytics import CohortQuery, Dictionary, DictionaryError, Parameters, Row, evaluate
from analytics.fhir import resource_date
from analytics.synthetic import invented
from consent.adapters.fhir import read
from consent.services.received import ReceivedResource
from examples import support2
from tests.analytics.invented import EVERYTHING, TEXT, edited

SCT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ATC = "http://www.whocc.no/atc"
WITHOUT_INDEX = Dictionary.parse(edited("index = 1994-01-12", ""))
HTEST = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
QUERY = CohortQuery.parse(
    json.dumps({
        "version": 1,
        "index": {"first": {"condition": {"system": SCT, "codes": ["84114007"]}}},
        "where": {
            "all": [
                {"demographics": {"age": [40, 70]}},
                {"demographics": {"gender": ["female"]}},
                {"any": [
                    {"medication": {"system": ATC, "codes": ["C03CA01"], "window": [-30, -1]}},
                    {"procedure": {"system": SCT, "codes": ["265764009"]}},
                ]},
                {"measurement": {"system": LOINC, "codes": ["2160-0"], "unit": "mg/dL", "range": [2, None]}},
            ],
        },
    })
)  # fmt: skip
ALLOWED = EVERYTHING | QUERY.categories

Records = dict[str, list[dict[str, Any]]]


def taken(bundles: Iterable[dict[str, Any]]) -> list[Records]:
    """Return each person's records as an import takes them; every resource must be taken."""
    people: dict[tuple[str, ...], Records] = defaultdict(lambda: defaultdict(list))
    for found in read([json.dumps(bundle).encode() for bundle in bundles], processes=1):
        assert isinstance(found, ReceivedResource), found
        people[found.person][found.category].append(json.loads(found.content))
    return list(people.values())


def rows_of(dictionary: Dictionary, query: CohortQuery, people: int) -> list[Row]:
    rows = []
    for records in taken(invented(dictionary, query, people, seed=3)):
        index = query.index_of(records, ALLOWED)
        row = index and dictionary.row(records, ALLOWED, index)
        rows += [row] if row else []
    return rows


@pytest.mark.parametrize(
    ("resource", "category"),
    [
        ("Condition", "conditions"), ("Procedure", "procedures"), ("MedicationRequest", "medications"),
        ("MedicationStatement", "medications"), ("MedicationAdministration", "medications"),
    ],
)  # fmt: skip
def test_an_import_takes_every_resource_and_files_it_where_it_is_read(resource: str, category: str) -> None:
    """`taken` fails on a problem, and a feature of a category that nothing was filed under would stay 0."""
    text = edited('category = "conditions"', f'category = "{category}"')
    dictionary = Dictionary.parse(text.replace('resource = "Condition"', f'resource = "{resource}"'))
    assert dictionary.index is not None
    found = taken(invented(dictionary, CohortQuery.everyone(dictionary.index), 40, seed=3))
    rows = [dictionary.row(records, ALLOWED) for records in found]
    assert len(found) == 40
    assert {row.features[3] for row in rows if row} == {0.0, 1.0}


def test_the_query_means_most_invented_people_from_the_day_of_their_event() -> None:
    found = taken(invented(WITHOUT_INDEX, QUERY, 200, seed=3))
    indices = [QUERY.index_of(records, ALLOWED) for records in found]
    events = [{resource_date(one) for one in records["conditions"] if "84114007" in str(one)} for records in found]
    assert 160 < sum(index is not None for index in indices) < 200
    assert all(index is None or {index} == days for index, days in zip(indices, events, strict=True))


def test_a_feature_that_is_the_event_itself_does_not_move_the_index() -> None:
    codes = {"first": {"condition": {"system": SCT, "codes": ["44054006"]}}}
    query = CohortQuery.parse(json.dumps({"version": 1, "index": codes, "where": {"all": []}}))
    for bundle in invented(WITHOUT_INDEX, query, 100, seed=3):
        days = [entry["resource"]["recordedDate"] for entry in bundle["entry"] if "44054006" in str(entry["resource"])]
        assert len(set(days)) == 1


def test_every_feature_occurs_and_measurements_are_missing_now_and_then() -> None:
    dictionary = Dictionary.parse(support2.dictionary_text())
    assert dictionary.index is not None
    people = invented(dictionary, CohortQuery.everyone(dictionary.index), 300, seed=3)
    rows = [row for records in taken(people) if (row := dictionary.row(records, frozenset(records) | {"outcomes"}))]
    values = np.array([row.features for row in rows])
    assert len(rows) > 280
    assert all(len(np.unique(column[~np.isnan(column)])) > 1 for column in values.T)
    optional = [place for place, feature in enumerate(dictionary.features) if feature.unit and not feature.required]
    assert 0.08 < np.isnan(values[:, optional]).mean() < 0.25
    assert {row.label for row in rows} == {0, 1}
    assert np.isfinite([row.comparisons[0] for row in rows]).mean() > 0.7


def test_the_outcome_depends_on_the_features() -> None:
    rows = rows_of(WITHOUT_INDEX, CohortQuery.everyone(date(1994, 1, 12)), 900)
    assert evaluate(rows, Parameters(features=WITHOUT_INDEX.names)).auroc.low > 0.6


def test_the_same_seed_invents_the_same_people_however_many_are_asked_for() -> None:
    some = list(invented(WITHOUT_INDEX, QUERY, 5, seed=3))
    assert some == list(islice(invented(WITHOUT_INDEX, QUERY, 1_000_000_000, seed=3), 5))
    assert some != list(invented(WITHOUT_INDEX, QUERY, 5, seed=4))


def test_everything_invented_is_marked_as_test_data() -> None:
    for bundle in invented(WITHOUT_INDEX, QUERY, 5, seed=3):
        marked = [bundle, *(entry["resource"] for entry in bundle["entry"])]
        assert all(HTEST in found["meta"]["security"] for found in marked)


def test_what_could_never_be_kept_as_its_category_is_refused_before_anybody_is_invented() -> None:
    with pytest.raises(DictionaryError, match="category 'encounters' never holds a Obs"):
        invented(Dictionary.parse(edited('category = "laboratory"', 'category = "encounters"')), QUERY, 5, seed=3)


def test_ten_features_of_two_thousand_people_take_less_than_a_second() -> None:
    feature = TEXT[TEXT.index("[[feature]]") : TEXT.index('[[feature]]\nname = "age"')]
    more = "".join(feature.replace('"creatinine"', f'"creatinine {number}"') for number in range(6))
    dictionary = Dictionary.parse(TEXT + "\n" + more)
    assert len(dictionary.features) == 10
    started = time.process_time()
    assert sum(1 for _ in invented(dictionary, QUERY, 2000, seed=3)) == 2000
    assert time.process_time() - started < 1
