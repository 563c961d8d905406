"""Each row of SUPPORT2 as one FHIR R4 collection Bundle (https://hl7.org/fhir/R4/bundle.html).

SUPPORT2 has no dates. One day stands for everybody's entry into the study, `INDEX`; a birth date is that day minus the
age, and the vital status is dated that day plus the days of follow-up. Everything measured is dated `INDEX`.

Only the columns named here become resources. The others are outcomes, forecasts and costs, or are known only after the
index, and no model may learn from them.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from typing import Any, Final

Resource = dict[str, Any]

INDEX: Final = date(1994, 1, 12)
DAYS_A_YEAR: Final = 365.25

LOCAL: Final = "https://consentry.example/support2"
RECORD_KIND: Final = "https://consentry.example/record-kind"
LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
UCUM: Final = "http://unitsofmeasure.org"
OBSERVATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


@dataclass(frozen=True, slots=True)
class Measure:
    """One numeric column: its code, its UCUM unit, and the kind of observation it is."""

    column: str
    text: str
    system: str
    code: str
    unit: str
    kind: str


MEASURES: Final = (
    Measure("meanbp", "Mean blood pressure", LOINC, "8478-0", "mm[Hg]", "vital-signs"),
    Measure("hrt", "Heart rate", LOINC, "8867-4", "/min", "vital-signs"),
    Measure("resp", "Respiratory rate", LOINC, "9279-1", "/min", "vital-signs"),
    Measure("temp", "Body temperature", LOINC, "8310-5", "Cel", "vital-signs"),
    Measure("wblc", "White blood cells", LOINC, "6690-2", "10*3/uL", "laboratory"),
    Measure("pafi", "PaO2 to FiO2 ratio", LOINC, "50984-4", "mm[Hg]", "laboratory"),
    Measure("alb", "Albumin", LOINC, "1751-7", "g/dL", "laboratory"),
    Measure("bili", "Bilirubin", LOINC, "1975-2", "mg/dL", "laboratory"),
    Measure("crea", "Creatinine", LOINC, "2160-0", "mg/dL", "laboratory"),
    Measure("sod", "Sodium", LOINC, "2951-2", "mmol/L", "laboratory"),
    Measure("ph", "Arterial pH", LOINC, "2744-1", "[pH]", "laboratory"),
    Measure("glucose", "Glucose", LOINC, "2345-7", "mg/dL", "laboratory"),
    Measure("bun", "Blood urea nitrogen", LOINC, "3094-0", "mg/dL", "laboratory"),
    Measure("urine", "Urine output in a day", LOINC, "9192-6", "mL/(24.h)", "laboratory"),
    Measure("scoma", "SUPPORT coma score", LOCAL, "scoma", "{score}", "survey"),
    Measure("sps", "SUPPORT physiology score", LOCAL, "sps", "{score}", "survey"),
    Measure("aps", "APACHE III physiology score", LOCAL, "aps", "{score}", "survey"),
    Measure("num.co", "Number of other illnesses", LOCAL, "num.co", "{count}", "survey"),
    Measure("hday", "Day in hospital at entry", LOCAL, "hday", "d", "survey"),
    Measure("edu", "Years of education", LOCAL, "edu", "a", "survey"),
    Measure("adlp", "Daily activities lost, as the patient says", LOCAL, "adlp", "{score}", "survey"),
    Measure("adls", "Daily activities lost, as a relative says", LOCAL, "adls", "{score}", "survey"),
)

DISEASE_GROUPS: Final = {
    "ARF/MOSF w/Sepsis": ("arf-mosf-sepsis", "Acute respiratory or multiple organ failure with sepsis"),
    "CHF": ("chf", "Congestive heart failure"),
    "COPD": ("copd", "Chronic obstructive pulmonary disease"),
    "Cirrhosis": ("cirrhosis", "Cirrhosis"),
    "Colon Cancer": ("colon-cancer", "Colon cancer"),
    "Coma": ("coma", "Coma"),
    "Lung Cancer": ("lung-cancer", "Lung cancer"),
    "MOSF w/Malig": ("mosf-malignancy", "Multiple organ failure with malignancy"),
}
DIAGNOSES: Final = {
    ("diabetes", "1"): ("73211009", "Diabetes mellitus"),
    ("dementia", "1"): ("52448006", "Dementia"),
    ("ca", "yes"): ("363346000", "Cancer"),
    ("ca", "metastatic"): ("128462008", "Metastatic cancer"),
}
VITAL_STATUS: Final = {"0": ("438949009", "Alive"), "1": ("419099009", "Dead")}


def bundles() -> Iterator[bytes]:
    """Yield one Bundle as JSON (UTF-8) for each patient, in the order of the file, always the same bytes."""
    packed = (files(__package__) / "support2.csv.gz").read_bytes()
    with io.StringIO(gzip.decompress(packed).decode("ascii")) as text:
        yield from map(bundle, csv.DictReader(text))


def bundle(row: Mapping[str, str]) -> bytes:
    """Return one row of the file as a Bundle; empty cells give no resource."""
    cells = {column: cell.strip() for column, cell in row.items()}
    entries = [
        {"fullUrl": f"{LOCAL}/{resource['resourceType']}/{resource['id']}", "resource": resource}
        for resource in _resources(cells)
    ]
    whole = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return json.dumps(whole, separators=(",", ":")).encode()


def _resources(cells: Mapping[str, str]) -> Iterator[Resource]:
    yield _patient(cells)
    for measure in MEASURES:
        if cells[measure.column]:
            yield _measurement(cells, measure)
    code, text = DISEASE_GROUPS[cells["dzgroup"]]
    yield _condition(cells, "dzgroup", _concept(LOCAL, code, text))
    for (column, cell), (code, text) in DIAGNOSES.items():
        if cells[column] == cell:
            yield _condition(cells, column, _concept(SNOMED, code, text))
    yield _vital_status(cells)
    if cells["prg6m"]:
        yield _physicians_estimate(cells)


def _patient(cells: Mapping[str, str]) -> Resource:
    born = INDEX - timedelta(days=round(float(cells["age"]) * DAYS_A_YEAR))
    return {
        "resourceType": "Patient",
        "id": cells["sno"],
        "identifier": [{"system": LOCAL, "value": cells["sno"]}],
        "gender": cells["sex"],
        "birthDate": born.isoformat(),
    }


def _measurement(cells: Mapping[str, str], measure: Measure) -> Resource:
    observation = _observation(cells, measure.column, INDEX)
    observation["category"] = [_concept(OBSERVATION_CATEGORY, measure.kind)]
    observation["code"] = _concept(measure.system, measure.code, measure.text)
    value = float(cells[measure.column])
    observation["valueQuantity"] = {"value": value, "unit": measure.unit, "system": UCUM, "code": measure.unit}
    return observation


def _vital_status(cells: Mapping[str, str]) -> Resource:
    observation = _observation(cells, "vital-status", INDEX + timedelta(days=int(cells["d.time"])))
    observation["category"] = [_concept(RECORD_KIND, "outcome")]
    observation["code"] = _concept(LOINC, "67162-8", "Vital status")
    observation["valueCodeableConcept"] = _concept(SNOMED, *VITAL_STATUS[cells["death"]])
    return observation


def _observation(cells: Mapping[str, str], name: str, day: date) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"{cells['sno']}-{name}",
        "status": "final",
        "subject": _subject(cells),
        "effectiveDateTime": day.isoformat(),
    }


def _condition(cells: Mapping[str, str], name: str, code: Resource) -> Resource:
    return {
        "resourceType": "Condition",
        "id": f"{cells['sno']}-{name}",
        "verificationStatus": _concept(VERIFICATION, "confirmed"),
        "code": code,
        "subject": _subject(cells),
        "recordedDate": INDEX.isoformat(),
    }


def _physicians_estimate(cells: Mapping[str, str]) -> Resource:
    survival = {"outcome": {"text": "Survival for 180 days"}, "probabilityDecimal": float(cells["prg6m"])}
    return {
        "resourceType": "RiskAssessment",
        "id": f"{cells['sno']}-physicians-estimate",
        "status": "final",
        "method": {"text": "The physician's own estimate"},
        "code": _concept(LOCAL, "physicians-survival-estimate", "Physician's estimate of surviving 180 days"),
        "subject": _subject(cells),
        "occurrenceDateTime": INDEX.isoformat(),
        "prediction": [survival],
    }


def _subject(cells: Mapping[str, str]) -> Resource:
    return {"reference": f"Patient/{cells['sno']}"}


def _concept(system: str, code: str, text: str | None = None) -> Resource:
    concept: Resource = {"coding": [{"system": system, "code": code}]}
    return concept | {"text": text} if text else concept
