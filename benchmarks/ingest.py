"""How fast resources come in, from a hospital's files to sealed rows."""

import json
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.databases import SUFFIXES, Fresh, databases
from benchmarks.figure import Figure
from consent import wiring
from consent.adapters.fhir import read
from consent.services.received import ReceivedResource
from consent.settings import Databases, Settings, default_replicas
from vault import Outcome

PATIENTS: Final = 1_000
EACH: Final = 20
PROCESSES: Final = 2
BATCH: Final = 1_000

_SYSTEM: Final = "https://hospital.example"
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_UCUM: Final = "http://unitsofmeasure.org"


def measure() -> Iterator[Figure]:
    """Yield the rate of a Bulk Data export, Patient.ndjson beside Observation.ndjson, on both databases."""
    for suffix in SUFFIXES:
        with databases(suffix) as fresh, tempfile.TemporaryDirectory() as name:
            yield _imported(suffix, fresh, Path(name))


def _imported(suffix: str, fresh: Fresh, folder: Path) -> Figure:
    files = [folder / "Patient.ndjson", folder / "Observation.ndjson"]
    _write(files[0], map(_patient, range(PATIENTS)))
    _write(files[1], map(_observation, range(PATIENTS * EACH)))
    home = folder / "home"
    settings = Settings(home, b"measured, not kept", default_replicas(home), databases=Databases(fresh(), fresh()))
    wiring.create(settings)
    with wiring.opened(settings) as installation:
        start = time.perf_counter()
        resources = (found for found in read(files, PROCESSES) if isinstance(found, ReceivedResource))
        stored = 0
        while batch := list(islice(resources, BATCH)):
            stored += installation.records.deposit(batch, wiring.utc_now()).outcomes[Outcome.STORED]
        seconds = time.perf_counter() - start
    assert stored == PATIENTS * (EACH + 1)
    size = sum(file.stat().st_size for file in files)
    return Figure(
        f"ingest.resources_per_second{suffix}",
        round(stored / seconds),
        "resources a second",
        "-",
        f"{stored:,} resources of {size // stored} bytes in NDJSON, from file to validated, categorised, enrolled, "
        f"sealed and committed in batches of {BATCH:,}; {PROCESSES} validating processes, whose start is counted",
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
