"""Invented people for the analytics tests: FHIR R4 resources as dicts, and rows with a signal in them."""

import random
from typing import Any

from analytics import Row

INDEX = "1994-01-12"
TEXT = f"""
name = "test"
version = "1"
index = {INDEX}

[outcome]
title = "Death within 180 days"
category = "outcomes"
system = "http://loinc.org"
code = "67162-8"
value_system = "http://snomed.info/sct"
dead = "419099009"
alive = "438949009"
horizon_days = 180

[[feature]]
name = "creatinine"
title = "Creatinine"
category = "laboratory"
resource = "Observation"
system = "http://loinc.org"
codes = ["2160-0"]
value = "quantity"
unit = "mg/dL"
reducer = "last"
window = [-7, 0]

[[feature]]
name = "age"
title = "Age"
category = "demographics"
resource = "Patient"
value = "age"
reducer = "last"
required = true

[[feature]]
name = "male"
title = "Sex"
category = "demographics"
resource = "Patient"
value = "coded"
values = {{ male = 1, female = 0 }}
reducer = "last"

[[feature]]
name = "diabetes"
title = "Diabetes"
category = "conditions"
resource = "Condition"
system = "http://snomed.info/sct"
codes = ["73211009", "44054006"]
value = "present"
reducer = "any"
window = [-3650, 0]

[[comparison]]
name = "physicians"
title = "Physicians"
category = "assessments"
resource = "RiskAssessment"
system = "urn:test"
codes = ["survival"]
value = "one-minus-probability"
reducer = "last"
window = [-1, 0]
"""
EVERYTHING = frozenset({"laboratory", "demographics", "conditions", "assessments", "outcomes"})

Records = dict[str, list[dict[str, Any]]]


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def creatinine(value: float, when: str = INDEX, unit: str = "mg/dL") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": concept("http://loinc.org", "2160-0"),
        "effectiveDateTime": when,
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": unit},
    }


def vital_status(code: str, when: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": concept("http://loinc.org", "67162-8"),
        "effectiveDateTime": when,
        "valueCodeableConcept": concept("http://snomed.info/sct", code),
    }


def dead(when: str) -> dict[str, Any]:
    return vital_status("419099009", when)


def alive(when: str) -> dict[str, Any]:
    return vital_status("438949009", when)


def diabetes(when: str = INDEX) -> dict[str, Any]:
    return {"resourceType": "Condition", "code": concept("http://snomed.info/sct", "44054006"), "recordedDate": when}


def estimate(probability: float) -> dict[str, Any]:
    return {
        "resourceType": "RiskAssessment",
        "status": "final",
        "code": concept("urn:test", "survival"),
        "occurrenceDateTime": INDEX,
        "prediction": [{"probabilityDecimal": probability}],
    }


def edited(old: str, new: str) -> str:
    """Return the test dictionary with the first `old` replaced."""
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def invented_rows(count: int, seed: int = 1) -> list[Row]:
    """Return rows of three features, one of them now and then missing, that tell something about the label."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        label = int(chance.random() < 0.4)
        known = chance.gauss(label, 1)
        features = (known, chance.gauss(0, 1), float("nan") if chance.random() < 0.2 else chance.gauss(label, 2))
        judged = chance.random() < 0.7
        rows.append(Row(features, label, (chance.gauss(label, 1) if judged else float("nan"),)))
    return rows
