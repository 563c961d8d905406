"""Codes with a required binding: where FHIR R4 (4.0.1) lets no other code stand.

The library knows the codes of most such fields, and checks none. Fields whose codes nobody can list (languages, media
types, currencies, units) are not looked at, nor is `Timing.repeat.when`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple, get_args

from fhir.resources.R4B.codeableconcept import CodeableConcept
from fhir_core.fhirabstractmodel import FHIRAbstractModel
from fhir_core.types import FhirBase
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_OBSERVATION: Final = (
    "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown",
)  # fmt: skip
_ENCOUNTER: Final = (
    "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown",
)  # fmt: skip
_COMPARATOR: Final = ("<", "<=", ">=", ">")

COMPLETED: Final[Mapping[str, tuple[str, ...]]] = {
    "Age.comparator": _COMPARATOR,
    "Count.comparator": _COMPARATOR,
    "DetectedIssue.status": _OBSERVATION,
    "DeviceUdiCarrier.entryType": ("barcode", "rfid", "manual", "card", "self-reported", "unknown"),
    "DeviceUseStatement.status": ("active", "completed", "entered-in-error", "intended", "stopped", "on-hold"),
    "DiagnosticReport.status": (
        "registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled",
        "entered-in-error", "unknown",
    ),
    "Distance.comparator": _COMPARATOR,
    "Duration.comparator": _COMPARATOR,
    "Encounter.status": _ENCOUNTER,
    "EncounterStatusHistory.status": _ENCOUNTER,
    "Observation.status": _OBSERVATION,
    "Quantity.comparator": _COMPARATOR,
    "RiskAssessment.status": _OBSERVATION,
}  # fmt: skip
"""What the library has only the beginning of, with a "+" behind it, or not at all; by class and field."""

ABBREVIATED: Final = frozenset({"+", "etc."})
"""What ends a list of the library's that is not whole; without a place in `COMPLETED` such a field is not looked at.

That is `Expression.language`, whose binding is extensible: any other language may stand there.
"""


class Concept(NamedTuple):
    """The code system that a CodeableConcept is bound to, and its codes."""

    system: str
    codes: tuple[str, ...]


_HL7: Final = "http://terminology.hl7.org/CodeSystem/"
CONCEPTS: Final[Mapping[str, Concept]] = {
    "AllergyIntolerance.clinicalStatus": Concept(
        f"{_HL7}allergyintolerance-clinical", ("active", "inactive", "resolved")
    ),
    "AllergyIntolerance.verificationStatus": Concept(
        f"{_HL7}allergyintolerance-verification",
        ("unconfirmed", "presumed", "confirmed", "refuted", "entered-in-error"),
    ),
    "Condition.clinicalStatus": Concept(
        f"{_HL7}condition-clinical",
        ("active", "recurrence", "relapse", "inactive", "remission", "resolved", "unknown"),
    ),
    "Condition.verificationStatus": Concept(
        f"{_HL7}condition-ver-status",
        ("unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"),
    ),
}
"""R4 binds to whole code systems, which got `presumed` and `unknown` later. Codes of other systems may stand beside."""


class _Bound(NamedTuple):
    """What may stand in one field: these codes, or a CodeableConcept whose codes of this system are among them."""

    codes: tuple[str, ...]
    system: str | None = None

    def fault(self, value: object) -> str | None:
        """Say what is wrong with a value, without repeating it; a list may have gaps, which extensions explain."""
        if isinstance(value, CodeableConcept):
            codes = {coding.code for coding in value.coding or () if coding.system in {None, self.system}}
        else:
            codes = set(value) if isinstance(value, list) else {value}
        return None if (codes - {None}).issubset(self.codes) else f"which must be {self._choice()}"

    def _choice(self) -> str:
        return " or ".join(filter(None, (", ".join(self.codes[:-1]), self.codes[-1])))


def wrong_codes(element: BaseModel) -> list[str]:
    """Say of each code that may not stand where it does, in a valid element, where that is and which ones may."""
    fields, values, found = _looked_at(type(element)), element.__dict__, []
    for name in fields.keys() & element.__pydantic_fields_set__:  # millions of elements: most end here, with no field
        path, bound = fields[name]
        value = values[name]
        if bound and (fault := bound.fault(value)):
            found.append(f"{path}, {fault}")
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, FHIRAbstractModel):
                found += [f"{path}.{fault}" for fault in wrong_codes(each)]
    return found


@cache
def _looked_at(model: type[BaseModel]) -> Mapping[str, tuple[str, _Bound | None]]:
    """Return the fields of a class that are bound or hold elements, each with its name in FHIR, such as `class`."""
    found = {}
    for name, field in model.model_fields.items():
        bound = _bound(f"{model.__name__}.{name}", field)
        if bound or _holds_elements(field.annotation):
            found[name] = (field.alias or name, bound)
    return found


def _holds_elements(annotation: object) -> bool:
    inner = get_args(annotation)
    return any(map(_holds_elements, inner)) or (isinstance(annotation, type) and issubclass(annotation, FhirBase))


def _bound(key: str, field: FieldInfo) -> _Bound | None:
    if key in CONCEPTS:
        return _Bound(CONCEPTS[key].codes, CONCEPTS[key].system)
    codes = COMPLETED.get(key, _listed(field))
    return _Bound(codes) if codes else None


def _listed(field: FieldInfo) -> tuple[str, ...]:
    """Return the library's codes; none where they are not all of them."""
    known = field.json_schema_extra
    codes = known.get("enum_values") if isinstance(known, dict) else None
    listed = tuple(str(code) for code in codes) if isinstance(codes, list) else ()
    return () if ABBREVIATED & set(listed) else listed
