"""What the dictionary reads from FHIR R4 resources, given as parsed JSON.

Resources come validated. Should one be misshapen all the same, the readers raise one of `MISSHAPEN`, which
`Dictionary.row` and `CohortQuery.index_of` translate.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final

Resource = Mapping[str, Any]
Records = Mapping[str, Sequence[Resource]]
"""One person's FHIR R4 resources as parsed JSON, by category."""
Moment = tuple[date, float]
"""A calendar day as written, and the instant (Unix seconds) that orders resources of one day; 0 without a time."""

MISSHAPEN: Final = (AttributeError, KeyError, TypeError, ValueError, OverflowError)
"""What the readers raise when a resource is not FHIR R4."""
UCUM: Final = "http://unitsofmeasure.org"

_DATES: Final = {
    "AdverseEvent": ("date", "recordedDate"),
    "AllergyIntolerance": ("onsetDateTime", "onsetPeriod", "recordedDate"),
    "CarePlan": ("period", "created"),
    "CareTeam": ("period",),
    "ClinicalImpression": ("effectiveDateTime", "effectivePeriod", "date"),
    "Communication": ("sent", "received"),
    "CommunicationRequest": ("authoredOn",),
    "Composition": ("date",),
    "Condition": ("onsetDateTime", "onsetPeriod", "recordedDate"),
    "DetectedIssue": ("identifiedDateTime", "identifiedPeriod"),
    "DeviceRequest": ("authoredOn",),
    "DeviceUseStatement": ("timingDateTime", "timingPeriod", "recordedOn"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod"),
    "DocumentManifest": ("created",),
    "DocumentReference": ("date",),
    "Encounter": ("period",),
    "EpisodeOfCare": ("period",),
    "FamilyMemberHistory": ("date",),
    "Flag": ("period",),
    "Goal": ("startDate", "statusDate"),
    "GuidanceResponse": ("occurrenceDateTime",),
    "ImagingStudy": ("started",),
    "Immunization": ("occurrenceDateTime", "recorded"),
    "ImmunizationEvaluation": ("date",),
    "ImmunizationRecommendation": ("date",),
    "List": ("date",),
    "Media": ("createdDateTime", "createdPeriod"),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
    "MedicationDispense": ("whenPrepared", "whenHandedOver"),
    "MedicationRequest": ("authoredOn",),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "NutritionOrder": ("dateTime",),
    "Observation": ("effectiveDateTime", "effectiveInstant", "effectivePeriod"),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "QuestionnaireResponse": ("authored",),
    "RequestGroup": ("authoredOn",),
    "RiskAssessment": ("occurrenceDateTime", "occurrencePeriod"),
    "ServiceRequest": ("authoredOn",),
    "Specimen": ("receivedTime",),
    "VisionPrescription": ("dateWritten",),
}
_REPORTED: Final = frozenset({"final", "amended", "corrected"})
_TAKEN: Final = frozenset({"active", "completed", "on-hold", "stopped"})
_USABLE: Final[Mapping[str, frozenset[str]]] = {
    "Observation": _REPORTED,
    "RiskAssessment": _REPORTED,
    "MedicationRequest": _TAKEN,
    "MedicationStatement": _TAKEN,
    "MedicationAdministration": frozenset({"in-progress", "completed", "on-hold", "stopped"}),
    "MedicationDispense": frozenset({"completed"}),
    "Procedure": frozenset({"in-progress", "completed"}),
}
"""The statuses in which a resource states a fact; what was planned, declined or entered in error is none."""
_ONLY_MEANT: Final = frozenset({"proposal", "plan", "option"})
"""Intents of a MedicationRequest that is no order."""
_CONCEPT: Final = dict.fromkeys(
    ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"),
    "medicationCodeableConcept",
)
_UNTRUE: Final = frozenset({"refuted", "entered-in-error"})
_DAY: Final = len("2000-01-01")


def resource_date(resource: Resource) -> date | None:
    """Return the day by which a resource was fully known: the latest of its own dates, as written, without time zone.

    None when it has none that names a day: a Patient, a date of year and month only, a period that has not ended.
    Raises `ValueError` when a date is not one of FHIR's.
    """
    moment = resource_moment(resource)
    return moment and moment[0]


def resource_moment(resource: Resource) -> Moment | None:
    """Return `resource_date` with the instant that orders resources of one day."""
    latest: Moment | None = None
    for name in _DATES.get(resource["resourceType"], ()):
        written = resource.get(name)
        if written is None:
            continue
        moment = _moment(written.get("end", "") if isinstance(written, Mapping) else written)
        if moment is None:
            return None
        latest = max(latest, moment) if latest else moment
    return latest


@lru_cache(maxsize=65536)
def _moment(text: str) -> Moment | None:
    """Read a FHIR date, dateTime or instant; a time without a zone is in UTC, one with a 60th second is none."""
    if len(text) < _DAY:
        return None
    try:
        day, instant = date.fromisoformat(text[:_DAY]), datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == _DAY:
        return day, 0.0
    return day, (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def is_usable(resource: Resource) -> bool:
    """Say whether a resource states a fact: not preliminary, planned, cancelled, refuted or entered in error."""
    usable = _USABLE.get(resource["resourceType"])
    if usable is not None:
        meant = resource.get("intent") not in _ONLY_MEANT and not resource.get("doNotPerform")
        return resource.get("status") in usable and meant
    return not any(code in _UNTRUE for _, code in codings(resource.get("verificationStatus")))


def codings(concept: Mapping[str, Any] | None) -> Iterator[tuple[str | None, str | None]]:
    """Yield system and code of each coding of a CodeableConcept; nothing for None."""
    if concept:
        for coding in concept.get("coding", ()):
            yield coding.get("system"), coding.get("code")


def concept_of(resource: Resource) -> Mapping[str, Any] | None:
    """Return the CodeableConcept that says what a resource is about; of a medication, which one."""
    concept: Mapping[str, Any] | None = resource.get(_CONCEPT.get(resource["resourceType"], "code"))
    return concept


def quantity(resource: Resource) -> tuple[float, str] | None:
    """Return value and UCUM unit of an Observation; of a value below or above a bound, the bound."""
    found = resource.get("valueQuantity")
    if not found or found.get("system") != UCUM:
        return None
    value, unit = _number(found.get("value")), found.get("code")
    return None if value is None or unit is None else (value, unit)


def probability(resource: Resource) -> float | None:
    """Return the probability (0 to 1) of a RiskAssessment's only prediction."""
    predictions = resource.get("prediction", ())
    value = _number(predictions[0].get("probabilityDecimal")) if len(predictions) == 1 else None
    return value if value is not None and 0 <= value <= 1 else None


def birth_day(patient: Resource) -> date | None:
    """Return the day that a Patient was born, None unless the birth date names one."""
    moment = _moment(patient.get("birthDate", ""))
    return moment and moment[0]


def age(patient: Resource, day: date) -> float | None:
    """Return a Patient's age in years of 365.25 days on `day`; None unless the birth date names a day up to then."""
    born = birth_day(patient)
    if born is None or born > day:
        return None
    return (day - born).days / 365.25


def completed_years(patient: Resource, day: date) -> int | None:
    """Return how many birthdays a Patient has had by `day`, that of 29 February else on 1 March; None as for `age`."""
    born = birth_day(patient)
    if born is None or born > day:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
