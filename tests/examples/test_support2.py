"""SUPPORT2 as FHIR: valid, complete, and silent about what is known only later."""

import csv
import gzip
import hashlib
import io
import json
import random
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from analytics import Dictionary, Parameters, Row, evaluate
from consent.adapters.fhir import read
from consent.domain.terms import Category
from consent.services.received import ReceivedResource
from examples import support2

NEVER = (
    "surv2m", "surv6m", "prg2m", "hospdead", "slos", "charges", "totcst", "totmcst", "avtisst", "sfdm2", "dnr",
    "dnrday", "adlsc", "dzclass", "race", "income",
)  # fmt: skip


@cache
def table() -> list[dict[str, str]]:
    packed = (files("examples.support2") / "support2.csv.gz").read_bytes()
    return list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))


def sample(count: int) -> list[dict[str, str]]:
    return random.Random(2).sample(table(), count)


def resources(bundle: bytes) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in json.loads(bundle)["entry"]]


def received(bundle: bytes) -> list[ReceivedResource]:
    found = [one for one in read([bundle]) if isinstance(one, ReceivedResource)]
    assert len(found) == len(resources(bundle))
    return found


def rows_of(bundles: Iterator[bytes], dictionary: Dictionary, permitted: frozenset[str]) -> list[Row]:
    rows = []
    for bundle in bundles:
        records: dict[str, list[Any]] = {}
        for resource in received(bundle):
            records.setdefault(resource.category.value, []).append(json.loads(resource.content))
        row = dictionary.row(records, permitted)
        assert row is not None
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.parse(support2.dictionary_text())


def test_every_resource_is_valid_fhir_r4() -> None:
    for person in sample(50):
        bundle = json.loads(support2.bundle(person))
        get_fhir_model_class("Bundle").model_validate(bundle)
        for entry in bundle["entry"]:
            get_fhir_model_class(entry["resource"]["resourceType"]).model_validate(entry["resource"])


def test_all_resources_of_a_bundle_are_one_patients_and_have_ids_of_their_own() -> None:
    for person in sample(50):
        found = resources(support2.bundle(person))
        assert len({resource["id"] for resource in found}) == len(found)
        patients = [resource for resource in found if resource["resourceType"] == "Patient"]
        assert [patient["identifier"][0]["value"] for patient in patients] == [person["sno"]]
        others = [resource for resource in found if resource["resourceType"] != "Patient"]
        assert {resource["subject"]["reference"] for resource in others} == {f"Patient/{patients[0]['id']}"}


def test_the_importer_takes_the_bundles_and_finds_a_category_for_each_resource() -> None:
    categories = set()
    for bundle in islice(support2.bundles(), 40):
        found = received(bundle)
        assert {resource.person[0].partition("|")[0] for resource in found} == {"https://consentry.example/support2"}
        categories |= {resource.category for resource in found}
    assert categories == {
        Category.DEMOGRAPHICS, Category.VITAL_SIGNS, Category.LABORATORY, Category.SURVEYS, Category.CONDITIONS,
        Category.ASSESSMENTS, Category.OUTCOMES,
    }  # fmt: skip


def test_what_is_known_only_later_becomes_no_resource() -> None:
    """Whatever those columns hold, the bundle is the same, and no resource bears their names."""
    for person in sample(200):
        scrambled = person | dict.fromkeys(NEVER, "1234567.25")
        bundle = support2.bundle(person)
        assert support2.bundle(scrambled) == bundle
        assert b"1234567.25" not in support2.bundle(scrambled)
        assert not {resource["id"].partition("-")[2] for resource in resources(bundle)} & set(NEVER)


def test_outcome_and_physicians_estimate_reach_no_feature(dictionary: Dictionary) -> None:
    everything = dictionary.required | dictionary.optional
    for person in sample(50):
        other = person | {"death": "1", "d.time": "77", "prg6m": "0.125"}
        ours, theirs = rows_of(iter([support2.bundle(person), support2.bundle(other)]), dictionary, everything)
        assert ours.features == theirs.features
        assert (theirs.label, theirs.comparisons) == (1, (0.875,))


def test_only_the_vital_status_is_dated_after_the_index() -> None:
    for person in sample(50):
        for resource in resources(support2.bundle(person)):
            days = {
                resource[name]
                for name in ("effectiveDateTime", "recordedDate", "occurrenceDateTime")
                if name in resource
            }
            if resource["id"].endswith("vital-status"):
                assert min(days) > support2.INDEX.isoformat()
            else:
                assert days <= {support2.INDEX.isoformat()}


def test_the_dictionary_indexes_the_same_day(dictionary: Dictionary) -> None:
    assert dictionary.index == support2.INDEX


def test_features_are_the_columns_of_the_file(dictionary: Dictionary) -> None:
    columns = {
        "creatinine": "crea",
        "physiology_score": "sps",
        "heart_rate": "hrt",
        "education": "edu",
        "urine_output": "urine",
    }
    people = sample(100)
    rows = rows_of(map(support2.bundle, people), dictionary, dictionary.required | dictionary.optional)
    for person, row in zip(people, rows, strict=True):
        features = dict(zip(dictionary.names, row.features, strict=True))
        for name, column in columns.items():
            expected = float(person[column]) if person[column].strip() else float("nan")
            assert features[name] == pytest.approx(expected, nan_ok=True)
        assert features["age"] == pytest.approx(float(person["age"]), abs=0.002)
        assert features["male"] == (person["sex"] == "male")
        assert features["metastatic_cancer"] == (person["ca"] == "metastatic")
        assert features["cancer"] == (person["ca"] != "no")
        assert sum(row.features[dictionary.names.index("sepsis_organ_failure") :][:8]) == 1
        assert row.label == (person["death"] == "1" and int(person["d.time"]) <= 180)


def test_the_bundles_are_always_the_same_bytes() -> None:
    digest = hashlib.sha256()
    count = 0
    for bundle in support2.bundles():
        digest.update(bundle)
        count += 1
    assert count == 9105
    assert digest.hexdigest() == "6046ba87215f3ce8603c16e598addbfe33448988eb31276088016b75dfec798d"


def test_the_data_are_the_published_file_unchanged() -> None:
    packed = (files("examples.support2") / "support2.csv.gz").read_bytes()
    assert (
        hashlib.sha256(gzip.decompress(packed)).hexdigest()
        == "4f7dfcfb0d702401adfd0fa47702ed18fdd4dfe37acd0bcf1055acb7df007a1b"
    )
    assert "CC BY 4.0" in (files("examples.support2") / "ATTRIBUTION.md").read_text()


def test_a_model_of_400_people_tells_who_lives_better_than_chance(dictionary: Dictionary) -> None:
    everything = dictionary.required | dictionary.optional
    rows = rows_of(islice(support2.bundles(), 400), dictionary, everything)
    evaluation = evaluate(rows, Parameters(features=dictionary.names), comparisons=["Physicians"])
    assert evaluation.auroc.low > 0.6
    assert evaluation.comparisons[0].people < 400
