"""FHIR R4 resources of invented people, each marked as such, in the shape in which a hospital exports them.

HTEST ("test health data") in `meta.security` says to every receiver that nobody stands behind a resource
(https://terminology.hl7.org/CodeSystem-v3-ActReason.html).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from analytics.errors import DictionaryError
from analytics.fhir import UCUM, Resource

SYSTEM: Final = "https://consentry.example/invented"
"""Of invented people's identifiers, and where their resources would live."""

INVENTED: Final[Mapping[str, Any]] = {
    "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]
}

_OBSERVATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_RECORD_KIND: Final = "https://consentry.example/record-kind"
_SERVICES: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"

_KIND_OF_OBSERVATION: Final[Mapping[str, tuple[str, str]]] = {
    "assessments": (_OBSERVATION_CATEGORY, "exam"),
    "genomics": (_RECORD_KIND, "genomics"),
    "imaging": (_OBSERVATION_CATEGORY, "imaging"),
    "laboratory": (_OBSERVATION_CATEGORY, "laboratory"),
    "medications": (_SERVICES, "PHR"),
    "notes": (_SERVICES, "NRS"),
    "outcomes": (_RECORD_KIND, "outcome"),
    "procedures": (_OBSERVATION_CATEGORY, "procedure"),
    "social-history": (_OBSERVATION_CATEGORY, "social-history"),
    "surveys": (_OBSERVATION_CATEGORY, "survey"),
    "vital-signs": (_OBSERVATION_CATEGORY, "vital-signs"),
}
"""What an Observation's `category` says, so that it is kept as the kind of record that was asked for."""

_HOME: Final[Mapping[str, str]] = {
    "Condition": "conditions",
    "MedicationAdministration": "medications",
    "MedicationRequest": "medications",
    "MedicationStatement": "medications",
    "Patient": "demographics",
    "Procedure": "procedures",
    "RiskAssessment": "assessments",
}
"""The only kind of record that resources of a type are kept as."""

_DATED: Final[Mapping[str, str]] = {
    "Condition": "recordedDate",
    "MedicationAdministration": "effectiveDateTime",
    "MedicationRequest": "authoredOn",
    "MedicationStatement": "effectiveDateTime",
    "Observation": "effectiveDateTime",
    "Procedure": "performedDateTime",
    "RiskAssessment": "occurrenceDateTime",
}

_FIXED: Final[Mapping[str, Mapping[str, Any]]] = {
    "Condition": {
        "verificationStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]
        }
    },
    "MedicationAdministration": {"status": "completed"},
    "MedicationRequest": {"status": "completed", "intent": "order"},
    "MedicationStatement": {"status": "completed"},
    "Observation": {"status": "final"},
    "Procedure": {"status": "completed"},
    "RiskAssessment": {"status": "final"},
}
"""What R4 requires of a type, or `analytics.fhir.is_usable` looks at."""


def require_home(resource_type: str, category: str) -> None:
    """Raise `DictionaryError` when no resource of the type is ever kept as that kind of record."""
    homes: Collection[str] = _KIND_OF_OBSERVATION if resource_type == "Observation" else {_HOME[resource_type]}
    if category not in homes:
        raise DictionaryError(
            f"nobody can be invented: category {category!r} never holds a {resource_type};"
            f" choose among {', '.join(sorted(homes))}"
        )


def concept(system: str, code: str) -> dict[str, Any]:
    """Return a CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}]}


def quantity(value: float, unit: str) -> dict[str, Any]:
    """Return what an Observation measured, in a UCUM unit."""
    return {"valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit}}


@dataclass(slots=True)
class Person:
    """One invented person's resources as they are written down.

    Attributes:
        name: of the person; FHIR id of the Patient.
        resources: in the order in which they were written.
    """

    name: str
    resources: list[Resource] = field(default_factory=list)

    def be(self, gender: str, born: date) -> None:
        """Write down who the person is."""
        identifier = {"system": SYSTEM, "value": self.name}
        self._write("Patient", {"identifier": [identifier], "gender": gender, "birthDate": born.isoformat()})

    def add(self, resource_type: str, category: str, code: tuple[str, str], day: date, **more: object) -> None:
        """Write down something with a code (system, code) that is dated `day`; `more` are further FHIR elements."""
        medicine = resource_type.startswith("Medication")
        found: dict[str, Any] = {
            **_FIXED[resource_type],
            "medicationCodeableConcept" if medicine else "code": concept(*code),
            "subject": {"reference": f"Patient/{self.name}"},
            _DATED[resource_type]: day.isoformat(),
            **more,
        }
        if resource_type == "Observation":
            found["category"] = [concept(*_KIND_OF_OBSERVATION[category])]
        self._write(resource_type, found)

    def bundle(self) -> dict[str, Any]:
        """Return everything as a collection Bundle."""
        entries = [
            {"fullUrl": f"{SYSTEM}/{resource['resourceType']}/{resource['id']}", "resource": resource}
            for resource in self.resources
        ]
        return {"resourceType": "Bundle", "type": "collection", "meta": INVENTED, "entry": entries}

    def _write(self, resource_type: str, elements: Mapping[str, Any]) -> None:
        name = self.name if resource_type == "Patient" else f"{self.name}-{len(self.resources)}"
        self.resources.append({"resourceType": resource_type, "id": name, "meta": INVENTED, **elements})
