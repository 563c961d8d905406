"""How fast resources come in: found in their files, validated, categorised, given their person."""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.figure import Figure
from consent.adapters.fhir import read
from consent.services.received import ReceivedResource

PATIENTS: Final = 1_000
EACH: Final = 20
PROCESSES: Final = 2

_SYSTEM: Final = "https://hospital.example"
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_UCUM: Final = "http://unitsofmeasure.org"


def measure() -> Iterator[Figure]:
    """Yield the rate of a Bulk Data export, Patient.ndjson beside Observation.ndjson."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "Patient.ndjson", Path(folder) / "Observation.ndjson"]
        _write(files[0], map(_patient, range(PATIENTS)))
        _write(files[1], map(_observation, range(PATIENTS * EACH)))
        start = time.perf_counter()
        count = sum(isinstance(found, ReceivedResource) for found in read(files, PROCESSES))
        seconds = time.perf_counter() - start
        size = sum(file.stat().st_size for file in files)
    assert count == PATIENTS * (EACH + 1)
    yield Figure(
        "ingest.resources_per_second",
        round(count / seconds),
        "resources a second",
        "-",
        f"{count:,} resources of {size // count} bytes in NDJSON, from file to validated, categorised and with their "
        f"person, by {PROCESSES} processes whose start is counted",
    )


def _write(path: Path, resources: Iterator[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(resource) + "\n" for resource in resources), encoding="utf-8")


def _patient(number: int) -> dict[str, object]:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "meta": {"versionId": "1", "lastUpdated": "2020-06-15T10:00:00.000Z"},
        "identifier": [{"use": "official", "system": _SYSTEM, "value": str(number)}],
        "name": [{"use": "official", "family": f"Invented-{number}", "given": ["Ann"]}],
        "gender": "female",
        "birthDate": f"19{number % 100:02}-06-15",
    }


def _observation(number: int) -> dict[str, object]:
    quantity = {"value": 1 + number % 100 / 10, "unit": "mg/dL", "system": _UCUM, "code": "mg/dL"}
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "meta": {"versionId": "1", "lastUpdated": "2020-06-15T10:00:00.000Z"},
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": "laboratory", "display": "Laboratory"}]}],
        "code": {
            "coding": [
                {"system": "http://loinc.org", "code": "2160-0", "display": "Creatinine [Mass/volume] in Serum"}
            ],
            "text": "Creatinine",
        },
        "subject": {"reference": f"Patient/p{number % PATIENTS}"},
        "encounter": {"reference": f"Encounter/e{number}"},
        "effectiveDateTime": "2020-06-15T09:30:00+02:00",
        "issued": "2020-06-15T09:30:00.000+02:00",
        "valueQuantity": quantity,
    }
