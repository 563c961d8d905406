"""How long the researchers' door takes: a count, once everybody's resources are held as arrays."""

import json
import math
import time
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from statistics import median
from typing import Any, Final

from analytics import CohortQuery
from analytics.cohort_table import CohortTable
from benchmarks.figure import Figure

PEOPLE: Final = 100_000
ONE_BY_ONE: Final = 2_000
RESOURCES: Final = 20
"""Of each person; all but the Patient have two codings."""
_ROUNDS: Final = 9
_DAY: Final = date(2020, 6, 15)
_SCT: Final = "http://snomed.info/sct"
_LOINC: Final = "http://loinc.org"
_ATC: Final = "http://www.whocc.no/atc"
_CONDITIONS: Final = ("84114007", "44054006", "38341003", "13645005", "709044004")
_MEDICATIONS: Final = ("C03CA01", "A10BA02", "C09AA05", "B01AA03")
_MEASURED: Final = (
    ("2160-0", "mg/dL"),
    ("2160-0", "umol/L"),
    ("2345-7", "mmol/L"),
    ("2951-2", "mmol/L"),
    ("718-7", "g/dL"),
)
_USUAL: Final = {"mg/dL": 1.0, "umol/L": 90.0, "mmol/L": 6.0, "g/dL": 13.0}
_PERMITTED: Final = frozenset({"conditions", "demographics", "laboratory", "medications"})


def measure() -> list[Figure]:
    """Return what the table of a hundred thousand people takes, in time and in memory."""
    return [*_table()]


def _table() -> Iterator[Figure]:
    started = time.perf_counter()
    table = CohortTable.built(((f"{number:064x}", _person(number)) for number in range(PEOPLE)), _PERMITTED)
    built = time.perf_counter() - started
    people, queries = [_person(number) for number in range(ONE_BY_ONE)], _queries()
    _require_equal(table, people, queries)
    took = [median(_milliseconds(table, query) for _ in range(_ROUNDS)) for query in queries]
    before = _one_by_one(people, queries) * PEOPLE / ONE_BY_ONE
    yield Figure(
        "api.table_ms_100k",
        round(median(took), 1),
        "ms",
        f"goal < 100; CohortQuery.index_of, person by person: {before:,.0f}",
        f"median over {len(queries)} queries ({min(took):.1f} to {max(took):.1f}) of the median of {_ROUNDS}"
        f" evaluations; {PEOPLE:,} invented people with {RESOURCES} resources each; {before / median(took):,.0f} times"
        f" as fast as index_of on {ONE_BY_ONE:,} of them, scaled up, which does not count opening and parsing",
    )
    yield Figure(
        "api.table_bytes_a_person",
        round(table.nbytes / PEOPLE),
        "bytes",
        f"the same resources as JSON {sum(map(len, map(json.dumps, people))) / len(people):,.0f}",
        "24 for each coding, 12 for each Patient, and the id;"
        f" {RESOURCES} resources, {RESOURCES - 1} with two codings; inventing and building took {built:.0f} s",
    )


def _require_equal(table: CohortTable, people: list[dict[str, list[Any]]], queries: list[CohortQuery]) -> None:
    """Measure nothing that is wrong, nor anything trivial."""
    for query in queries:
        inside = [query.index_of(records, _PERMITTED) is not None for records in people]
        assert table.members(query)[: len(people)].tolist() == inside
        assert any(inside)
        assert not all(inside)


def _milliseconds(table: CohortTable, query: CohortQuery) -> float:
    start = time.perf_counter()
    table.members(query)
    return (time.perf_counter() - start) * 1000


def _one_by_one(people: list[dict[str, list[Any]]], queries: list[CohortQuery]) -> float:
    """Return the median over queries of the milliseconds that all of these people take."""
    took = []
    for query in queries:
        start = time.perf_counter()
        for records in people:
            query.index_of(records, _PERMITTED)
        took.append((time.perf_counter() - start) * 1000)
    return median(took)


def _queries() -> list[CohortQuery]:
    """Return five cohorts: a first and a last event, a fixed day, a measurement as the index, a nested tree."""
    failure = {"condition": {"system": _SCT, "codes": ["84114007"]}}
    creatinine = {"system": _LOINC, "codes": ["2160-0"], "unit": "mg/dL", "range": [1.3, None]}
    high = {"measurement": creatinine | {"window": [-90, 0]}}
    codes = sorted({code for code, _ in _MEASURED})
    several = {"measurement": {"system": _LOINC, "codes": codes, "unit": "mg/dL", "range": [90, 200]}}
    taken = {"medication": {"system": _ATC, "codes": ["C03CA01", "C09AA05"], "window": [-180, 0]}}
    adult, women = {"demographics": {"age": [18, 70]}}, {"demographics": {"gender": ["female"]}}
    day = {"day": _DAY.isoformat()}
    return [
        _query({"first": failure}, adult),
        _query({"last": failure}, {"all": [adult, high]}),
        _query(day, several),
        _query({"first": {"measurement": creatinine}}, {"any": [{"all": [taken, women]}, several]}),
        _query(day, {"at_least": {"n": 3, "of": [adult, high, taken, women, {"not": failure}]}}),
    ]


def _query(index: dict[str, Any], where: dict[str, Any]) -> CohortQuery:
    return CohortQuery.parse(json.dumps({"version": 1, "index": index, "where": where}))


def _person(number: int) -> dict[str, list[Any]]:
    """Invent a person: a Patient, three conditions, three medications, thirteen measurements."""
    chance = Random(number)  # the same each time
    born = _DAY - timedelta(days=chance.randrange(33_000))
    patient = {"resourceType": "Patient", "birthDate": born.isoformat(), "gender": chance.choice(("female", "male"))}
    return {
        "demographics": [patient],
        "conditions": [_condition(chance) for _ in range(3)],
        "medications": [_medication(chance) for _ in range(3)],
        "laboratory": [_observation(chance) for _ in range(RESOURCES - 7)],
    }


def _condition(chance: Random) -> dict[str, Any]:
    concept = _concept(_SCT, chance.choice(_CONDITIONS))
    return {"resourceType": "Condition", "code": concept, "recordedDate": _day(chance)}


def _medication(chance: Random) -> dict[str, Any]:
    concept = _concept(_ATC, chance.choice(_MEDICATIONS))
    resource = {"resourceType": "MedicationRequest", "status": "active", "medicationCodeableConcept": concept}
    return resource | {"authoredOn": _day(chance)}


def _observation(chance: Random) -> dict[str, Any]:
    code, unit = chance.choice(_MEASURED)
    value = round(chance.lognormvariate(math.log(_USUAL[unit]), 0.5), 2)
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": _concept(_LOINC, code),
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": unit},
        "effectiveDateTime": _day(chance),
    }


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}, {"system": "urn:local", "code": code[:3]}]}


def _day(chance: Random) -> str:
    return (_DAY - timedelta(days=chance.randrange(-100, 1500))).isoformat()
