"""One column of a dictionary: which resources it looks at, what it reads from each, and how it sums them up."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from analytics.fhir import Moment, Resource, age, codings, is_usable, probability, quantity, resource_moment
from analytics.rows import LARGEST
from analytics.units import convert

Reading = tuple[Moment, float]
"""When, and what."""

_TIMELESS: Final[Moment] = (date.min, 0.0)


class Kind(StrEnum):
    """What is read from a resource."""

    QUANTITY = "quantity"
    """The number of an Observation, in the feature's unit."""
    CODED = "coded"
    """The number that the dictionary gives to an Observation's coded value, or to a Patient's gender."""
    AGE = "age"
    """A Patient's age at the index, years."""
    PRESENT = "present"
    """1 for each Condition, medication or Procedure with the code."""
    PROBABILITY = "probability"
    """The probability that a RiskAssessment gives."""
    OPPOSITE = "one-minus-probability"
    """One minus that: the assessment is of the opposite of the outcome."""


class Reducer(StrEnum):
    """How several readings become one number."""

    LAST = "last"
    FIRST = "first"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    ANY = "any"


KINDS: Final[Mapping[str, frozenset[Kind]]] = {
    "Observation": frozenset({Kind.QUANTITY, Kind.CODED}),
    "Patient": frozenset({Kind.AGE, Kind.CODED}),
    "Condition": frozenset({Kind.PRESENT}),
    "MedicationAdministration": frozenset({Kind.PRESENT}),
    "MedicationRequest": frozenset({Kind.PRESENT}),
    "MedicationStatement": frozenset({Kind.PRESENT}),
    "Procedure": frozenset({Kind.PRESENT}),
    "RiskAssessment": frozenset({Kind.PROBABILITY, Kind.OPPOSITE}),
}
"""The resource types that a feature may look at, and what it may read from each."""

COUNTING: Final = frozenset({Reducer.COUNT, Reducer.ANY})
"""Reducers for which nothing found is the number 0; for the others it is a missing value."""

CATEGORIES: Final = frozenset({
    "demographics", "vital-signs", "laboratory", "conditions", "medications", "procedures", "imaging", "genomics",
    "social-history", "surveys", "assessments", "outcomes", "notes", "encounters", "care-plans",
})  # fmt: skip
"""The kinds of record that a feature may come from."""

_REDUCE: Final[Mapping[Reducer, Callable[[Sequence[Reading]], float]]] = {
    # Of readings at one instant, the larger is the last: a row depends on the set of records, not on their order.
    Reducer.LAST: lambda found: max(found)[1],
    Reducer.FIRST: lambda found: min(found)[1],
    Reducer.MEAN: lambda found: math.fsum(value for _, value in found) / len(found),
    Reducer.MIN: lambda found: min(value for _, value in found),
    Reducer.MAX: lambda found: max(value for _, value in found),
    Reducer.COUNT: lambda found: float(len(found)),
    Reducer.ANY: lambda found: float(bool(found)),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One column; `Dictionary.parse` checks that its fields go together.

    Attributes:
        name: of the column, for programs.
        title: of the column, in plain words, for people.
        category: the kind of record that it comes from.
        resource: FHIR R4 resource type, a key of `KINDS`.
        kind: what is read from each resource.
        reducer: how several readings become one.
        system: code system of `codes`; empty for a Patient.
        codes: any one of them selects a resource; empty for a Patient.
        window: first and last day that count, relative to the index, both included, never after it; None for a Patient.
        unit: UCUM; for `Kind.QUANTITY` only.
        values: the number for each code; for `Kind.CODED` only.
        required: whether the model is pointless without the category.
    """

    name: str
    title: str
    category: str
    resource: str
    kind: Kind
    reducer: Reducer
    system: str = ""
    codes: tuple[str, ...] = ()
    window: tuple[int, int] | None = None
    unit: str = ""
    values: tuple[tuple[str, float], ...] = ()
    required: bool = False

    def read(self, resource: Resource, index: date) -> Reading | None:
        """Return what one selected resource says; None when it says nothing usable within the window."""
        if not is_usable(resource):
            return None
        moment = self._moment(resource, index)
        if moment is None:
            return None
        value = self._value(resource, index)
        return (moment, value) if value is not None and abs(value) <= LARGEST else None

    def reduce(self, found: Sequence[Reading]) -> float:
        """Return one number for all readings; without any, 0 where the reducer counts and NaN elsewhere."""
        if not found and self.reducer not in COUNTING:
            return math.nan
        return _REDUCE[self.reducer](found)

    def _moment(self, resource: Resource, index: date) -> Moment | None:
        """Return when the resource was known, None outside the window: without a day nothing shows it was before."""
        if self.window is None:
            return _TIMELESS
        moment = resource_moment(resource)
        if moment is None or not self.window[0] <= (moment[0] - index).days <= self.window[1]:
            return None
        return moment

    def _value(self, resource: Resource, index: date) -> float | None:
        match self.kind:
            case Kind.PRESENT:
                return 1.0
            case Kind.QUANTITY:
                return self._converted(resource)
            case Kind.AGE:
                return age(resource, index)
            case Kind.CODED:
                return self._coded(resource)
            case Kind.PROBABILITY:
                return probability(resource)
            case Kind.OPPOSITE:
                given = probability(resource)
                return None if given is None else 1.0 - given

    def _converted(self, resource: Resource) -> float | None:
        measured = quantity(resource)
        return None if measured is None else convert(*measured, self.unit, self.codes[0])

    def _coded(self, resource: Resource) -> float | None:
        """Return the number for the first code that has one."""
        if self.resource == "Patient":
            codes = [resource.get("gender")]
        else:
            codes = [code for _, code in codings(resource.get("valueCodeableConcept"))]
        return next((number for code, number in self.values if code in codes), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is forecast: death within `horizon_days` of the index, read from Observations of vital status.

    Attributes:
        title: in plain words.
        category: the kind of record that holds the vital status.
        system: code system of `code`.
        code: of the Observation of vital status.
        value_system: code system of `dead` and `alive`.
        dead: coded value of someone who died on the Observation's day.
        alive: coded value of someone alive on that day.
        horizon_days: a death on that day after the index still counts.
    """

    title: str
    category: str
    system: str
    code: str
    value_system: str
    dead: str
    alive: str
    horizon_days: int

    def label(self, resources: Sequence[Resource], index: date) -> int | None:
        """Return 1 for a death from the index to the horizon, 0 for life at it or beyond, None when neither is known.

        Records that contradict each other (alive after death) or tell of a death before the index make it unknown.
        """
        dead = self._days(resources, self.dead, index)
        alive = self._days(resources, self.alive, index)
        if not dead:
            return 0 if alive and max(alive) >= self.horizon_days else None
        if min(dead) < 0 or (alive and max(alive) > min(dead)):
            return None
        return int(min(dead) <= self.horizon_days)

    def _days(self, resources: Sequence[Resource], status: str, index: date) -> list[int]:
        """Return the days since the index on which this vital status was recorded."""
        wanted = (self.value_system, status)
        moments = [
            resource_moment(resource)
            for resource in resources
            if resource["resourceType"] == "Observation"
            and is_usable(resource)
            and (self.system, self.code) in codings(resource.get("code"))
            and wanted in codings(resource.get("valueCodeableConcept"))
        ]
        return [(moment[0] - index).days for moment in moments if moment]
