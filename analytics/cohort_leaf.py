"""One condition of a cohort: which resources it looks at, and what of them must hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from analytics.fhir import Resource, codings, completed_years, concept_of, is_usable, quantity, resource_date
from analytics.units import convert


class Kind(StrEnum):
    """What a leaf asks about."""

    CONDITION = "condition"
    MEDICATION = "medication"
    PROCEDURE = "procedure"
    MEASUREMENT = "measurement"
    AGE = "age"
    GENDER = "gender"


CATEGORY: Final[Mapping[Kind, str]] = {
    Kind.CONDITION: "conditions",
    Kind.MEDICATION: "medications",
    Kind.PROCEDURE: "procedures",
    Kind.MEASUREMENT: "laboratory",
    Kind.AGE: "demographics",
    Kind.GENDER: "demographics",
}
"""The kind of record that a leaf looks into unless it names another."""

TYPES: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.CONDITION: frozenset({"Condition"}),
    Kind.MEDICATION: frozenset(
        {"MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"}
    ),
    Kind.PROCEDURE: frozenset({"Procedure"}),
    Kind.MEASUREMENT: frozenset({"Observation"}),
    Kind.AGE: frozenset({"Patient"}),
    Kind.GENDER: frozenset({"Patient"}),
}
"""The resource types that say what a leaf asks about."""
ABOUT_PEOPLE: Final = frozenset({Kind.AGE, Kind.GENDER})
"""What a Patient resource says, which has no day."""

Bounds = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition.

    Attributes:
        kind: what it asks about.
        category: the kind of record that it looks into.
        system: code system of `codes`; empty for what is asked about the person.
        codes: any one of them counts; for `Kind.GENDER` FHIR's administrative genders.
        window: first and last day that count, relative to the index, never after it; None: any day up to it.
        unit: UCUM, of a measurement's range.
        bounds: lowest and highest value that count, both included; None leaves an end open. Of age: completed years.
    """

    kind: Kind
    category: str
    system: str = ""
    codes: tuple[str, ...] = ()
    window: tuple[int, int] | None = None
    unit: str = ""
    bounds: Bounds | None = None

    def holds(self, resources: Sequence[Resource], index: date) -> bool:
        """Say whether a resource up to the index is one that is asked for."""
        if self.kind is Kind.AGE:
            ages = (completed_years(one, index) for one in resources if one["resourceType"] == "Patient")
            return any(years is not None and self._within(years) for years in ages)
        if self.kind is Kind.GENDER:
            return any(one["resourceType"] == "Patient" and one.get("gender") in self.codes for one in resources)
        first, last = self.window or (None, 0)
        distances = ((day - index).days for day in self.days(resources))
        return any(days <= last and (first is None or first <= days) for days in distances)

    def days(self, resources: Sequence[Resource]) -> Iterator[date]:
        """Yield the days of the resources that are asked for, in no order; what has no day is not there."""
        for resource in resources:
            if resource["resourceType"] in TYPES[self.kind] and is_usable(resource) and self._matches(resource):
                day = resource_date(resource)
                if day is not None:
                    yield day

    def to_json(self) -> dict[str, Any]:
        """Return the leaf as JSON values; what is as always is left out."""
        if self.kind in ABOUT_PEOPLE:
            asked = {self.kind.value: list(self.bounds or ()) if self.kind is Kind.AGE else list(self.codes)}
            return {"demographics": asked | self._elsewhere()}
        value: dict[str, Any] = {"system": self.system, "codes": list(self.codes)} | self._elsewhere()
        if self.window is not None:
            value["window"] = list(self.window)
        if self.kind is Kind.MEASUREMENT:
            value |= {"unit": self.unit, "range": list(self.bounds or (None, None))}
        return {self.kind.value: value}

    def _elsewhere(self) -> dict[str, str]:
        return {} if self.category == CATEGORY[self.kind] else {"category": self.category}

    def _matches(self, resource: Resource) -> bool:
        found = [code for system, code in codings(concept_of(resource)) if system == self.system and code in self.codes]
        if self.kind is not Kind.MEASUREMENT or not found:
            return bool(found)
        measured = quantity(resource)
        value = None if measured is None else convert(*measured, self.unit, str(found[0]))
        return value is not None and self._within(value)

    def _within(self, value: float) -> bool:
        low, high = self.bounds or (None, None)
        return (low is None or low <= value) and (high is None or value <= high)
