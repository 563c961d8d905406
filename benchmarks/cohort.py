"""Invented patients at scale: a dictionary of thirty features, and each one's resources as hospitals write them."""

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from analytics import Dictionary

INDEX: Final = date(2020, 6, 15)
MEASURED: Final = 29
"""Features that come from Observations; age is the thirtieth."""

_UNITS: Final = ("mg/dL", "mmol/L", "g/dL", "/min")
_OUTCOME: Final = """
name = "thirty"
version = "1"
index = 2020-06-15

[outcome]
title = "Death within 90 days"
category = "outcomes"
system = "http://loinc.org"
code = "67162-8"
value_system = "http://snomed.info/sct"
dead = "419099009"
alive = "438949009"
horizon_days = 90

[[feature]]
name = "age"
title = "Age"
category = "demographics"
resource = "Patient"
value = "age"
reducer = "last"
required = true
"""


def dictionary() -> Dictionary:
    """Return the dictionary of the thirty features."""
    measured = (
        f'[[feature]]\nname = "f{n}"\ntitle = "Measurement {n}"\ncategory = "laboratory"\nresource = "Observation"\n'
        f'system = "http://loinc.org"\ncodes = ["{9000 + n}-1"]\nvalue = "quantity"\nunit = "{_unit(n)}"\n'
        'reducer = "last"\nwindow = [-30, 0]\n'
        for n in range(MEASURED)
    )
    return Dictionary.parse(_OUTCOME + "\n".join(measured))


def resources(number: int) -> Iterator[tuple[str, bytes]]:
    """Yield one person's resources with their categories: a Patient, the vital status, and 29 Observations."""
    chance = random.Random(number)  # invented people, the same each time
    levels = [round(chance.lognormvariate(0, 0.5), 3) for _ in range(MEASURED)]
    age = 30 + number % 60
    dead = age / 60 + levels[0] + chance.random() > 3  # noqa: PLR2004  # some two in ten
    yield "demographics", _patient(number, age)
    yield "outcomes", _vital_status(number, dead=dead)
    for place, level in enumerate(levels):
        yield "laboratory", _observation(number, place, level, INDEX - timedelta(days=chance.randrange(30)))


def _unit(place: int) -> str:
    return _UNITS[place % len(_UNITS)]


def _patient(number: int, age: int) -> bytes:
    return json.dumps({
        "resourceType": "Patient",
        "id": f"p{number}",
        "meta": {"versionId": "1", "lastUpdated": "2020-06-15T10:00:00.000Z"},
        "identifier": [{"use": "official", "system": "https://hospital.example", "value": str(number)}],
        "name": [{"use": "official", "family": f"Invented-{number}", "given": ["Ann"]}],
        "gender": "female",
        "birthDate": f"{INDEX.year - age}-03-0{1 + number % 9}",
    }).encode()  # fmt: skip


def _vital_status(number: int, *, dead: bool) -> bytes:
    day = INDEX + timedelta(days=30 if dead else 120)
    code, display = ("419099009", "Dead") if dead else ("438949009", "Alive")
    value = {"coding": [{"system": "http://snomed.info/sct", "code": code, "display": display}]}
    return json.dumps(_about(number, 99, "67162-8", day) | {"valueCodeableConcept": value}).encode()


def _observation(number: int, place: int, level: float, day: date) -> bytes:
    quantity = {"value": level, "unit": _unit(place), "system": "http://unitsofmeasure.org", "code": _unit(place)}
    return json.dumps(_about(number, place, f"{9000 + place}-1", day) | {"valueQuantity": quantity}).encode()


def _about(number: int, place: int, code: str, day: date) -> dict[str, object]:
    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
    return {
        "resourceType": "Observation",
        "id": f"o{number}-{place}",
        "meta": {"versionId": "1", "lastUpdated": f"{day}T10:00:00.000Z"},
        "status": "final",
        "category": [{"coding": [category]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": f"Measurement {place}"}]},
        "subject": {"reference": f"Patient/p{number}"},
        "effectiveDateTime": f"{day}T08:30:00+00:00",
    }
