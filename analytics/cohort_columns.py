"""What a cohort's leaf can ask about people's resources, as arrays: one row for each coding of a resource, or Patient.

Rows of one group (what was coded, in which unit it was measured) lie side by side, so that a leaf touches what it asks
for and nothing else. What no leaf can ask for (no fact, without a code, a day or a quantity) has no row. What cannot be
read has one all the same, because `CohortQuery.index_of` fails when it meets it. Whoever is left out leaves no trace:
columns without somebody are, number by number, those that were built without them.
"""

import struct
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.cohort_leaf import ABOUT_PEOPLE, TYPES, Kind
from analytics.cohort_reading import GENDERS
from analytics.fhir import MISSHAPEN, Resource, birth_day, codings, concept_of, is_usable, quantity, resource_date

Integers = NDArray[np.int32]
Mask = NDArray[np.bool_]
NEVER: Final = 0
"""Stands for a day that there is not; days are ordinals as `date.toordinal` counts them, from 1 on."""
UNREADABLE: Final = -1
"""Stands for what `analytics.fhir` raises on."""
_NO_GENDER: Final = -2
GENDER: Final = {name: number for number, name in enumerate(sorted(GENDERS))}
"""The number of each gender."""
MONTH: Final = 32
YEAR: Final = 12 * MONTH

_EVENT: Final = np.dtype([("person", "<i4"), ("day", "<i4"), ("place", "<i4"), ("head", "<i4"), ("value", "<f8")])
_PATIENT: Final = np.dtype([("person", "<i4"), ("born", "<i4"), ("gender", "<i4")])
_PACKED_EVENT: Final = struct.Struct("<iiiid")
_PACKED_PATIENT: Final = struct.Struct("<iii")
_KINDS: Final = tuple(kind for kind in Kind if kind not in ABOUT_PEOPLE)
_KIND_OF: Final = {name: kind for kind in _KINDS for name in TYPES[kind]}
_NO_VALUE: Final = float("nan")

Code = tuple[str, str]
"""System and code."""
Unit = str | None
"""UCUM, empty where nothing is measured; None: the quantity cannot be read."""
Groups = Mapping[Code | None, Mapping[Unit, slice]]
"""Where in the rows each group is; under None what may have any code, for its own cannot be read."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Events:
    """All codings of the resources of one category and kind, by group, within it as they came.

    Attributes:
        person: the number of the person.
        day: the resource's day, or `UNREADABLE`.
        place: where the coding came among all.
        head: the place of the resource's first coding in the same system.
        value: what was measured, in the group's unit.
        groups: where each group is.
    """

    person: Integers
    day: Integers
    place: Integers
    head: Integers
    value: NDArray[np.float64]
    groups: Groups

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All columns, in order."""
        return self.person, self.day, self.place, self.head, self.value

    def kept(self, mask: Mask) -> "Events":
        """Return a copy without those whom the mask leaves out; a code or unit that was only theirs is gone too."""
        kept = mask[self.person]
        before = np.concatenate(([0], np.cumsum(kept)))
        groups: dict[Code | None, dict[Unit, slice]] = {}
        for code, units in self.groups.items():
            for unit, where in units.items():
                first, end = int(before[where.start]), int(before[where.stop])
                if first < end:
                    groups.setdefault(code, {})[unit] = slice(first, end)
        left = np.zeros(len(kept), np.bool_)
        left[self.place[kept]] = True
        place, head = _renumbered(self.place[kept], left), _renumbered(self.head[kept], left)
        person = _renumbered(self.person[kept], mask)
        return Events(person, self.day[kept], place, head, self.value[kept], groups)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Patients:
    """All Patient resources of one category, as they came.

    Attributes:
        person: the number of the person.
        born: the day of birth as `calendar` numbers it, or `NEVER` or `UNREADABLE`.
        gender: the number of the gender, or `UNREADABLE`, or another where none of FHIR's is said.
    """

    person: Integers
    born: Integers
    gender: Integers

    @property
    def arrays(self) -> tuple[Integers, ...]:
        """All columns, in order."""
        return self.person, self.born, self.gender

    def kept(self, mask: Mask) -> "Patients":
        """Return a copy without those whom the mask leaves out."""
        kept = mask[self.person]
        return Patients(_renumbered(self.person[kept], mask), self.born[kept], self.gender[kept])


def calendar(day: date) -> int:
    """Number a day so that `YEAR` lies between a day and its next birthday, if months had 32 days."""
    return day.year * YEAR + (day.month - 1) * MONTH + day.day


class Columns:
    """One category while people are being added; read `events` and `patients` once all are there."""

    def __init__(self) -> None:
        self._events = {kind: _Events() for kind in _KINDS}
        self._patients = bytearray()

    def add(self, person: int, resource: Resource) -> None:
        """Add what leaves can ask about one resource of the person with this number."""
        try:
            name = resource["resourceType"]
        except MISSHAPEN:
            self._patients += _PACKED_PATIENT.pack(person, UNREADABLE, UNREADABLE)
            self._add_unreadable(person, *_KINDS)
            return
        if name == "Patient":
            self._patients += _PACKED_PATIENT.pack(person, _number(birth_day, calendar, resource), _gender(resource))
            return
        try:
            kind = _KIND_OF.get(name)
        except TypeError:
            self._add_unreadable(person, *_KINDS)
            return
        if kind is not None:
            self._add_event(person, kind, resource)

    def events(self) -> dict[Kind, Events]:
        """Return the codings by kind."""
        return {kind: events.arranged() for kind, events in self._events.items()}

    def patients(self) -> Patients:
        """Return what is said about people themselves."""
        rows = np.frombuffer(self._patients, _PATIENT)
        person, born, gender = (rows[name].copy() for name in ("person", "born", "gender"))
        return Patients(person, born, gender)

    def _add_event(self, person: int, kind: Kind, resource: Resource) -> None:
        try:
            codes = _codes(resource) if is_usable(resource) else []
        except MISSHAPEN:
            self._add_unreadable(person, kind)
            return
        if codes and (found := _found(kind, resource)):
            self._events[kind].add(person, codes, *found)

    def _add_unreadable(self, person: int, *kinds: Kind) -> None:
        for kind in kinds:
            self._events[kind].add(person, [None], UNREADABLE, None, _NO_VALUE)


@dataclass(slots=True)
class _Events:
    """Codings as they come, packed, with the number of each one's group."""

    packed: bytearray = field(default_factory=bytearray)
    numbers: "array[int]" = field(default_factory=lambda: array("i"))
    groups: dict[tuple[Code | None, Unit], int] = field(default_factory=dict)

    def add(self, person: int, codes: list[Code | None], day: int, unit: Unit, value: float) -> None:
        heads: dict[str, int] = {}
        for place, code in enumerate(codes, len(self.numbers)):
            head = heads.setdefault(code[0], place) if code else place
            self.packed += _PACKED_EVENT.pack(person, day, place, head, value)
            self.numbers.append(self.groups.setdefault((code, unit), len(self.groups)))

    def arranged(self) -> Events:
        names = sorted(self.groups, key=_rank)
        ranks = np.zeros(len(names), np.int32)
        ranks[[self.groups[name] for name in names]] = np.arange(len(names))
        numbers = ranks[np.frombuffer(self.numbers, np.int32)]
        ends = np.cumsum(np.bincount(numbers)).tolist()
        groups: dict[Code | None, dict[Unit, slice]] = {}
        for (code, unit), first, end in zip(names, [0, *ends], ends, strict=False):
            groups.setdefault(code, {})[unit] = slice(first, end)
        rows, order = np.frombuffer(self.packed, _EVENT), np.argsort(numbers, kind="stable")
        person, day, place, head, value = (rows[name][order] for name in ("person", "day", "place", "head", "value"))
        return Events(person, day, place, head, value, groups)


def _rank(group: tuple[Code | None, Unit]) -> tuple[Code, str]:
    """Order groups by name and not as they came, which would tell who came first; what cannot be read is before all."""
    code, unit = group
    return code or ("", ""), "" if unit is None else f"={unit}"


def _codes(resource: Resource) -> list[Code | None]:
    """Return the codings that a leaf can name, which are texts."""
    found = list(codings(concept_of(resource)))
    return [(system, code) for system, code in found if isinstance(system, str) and isinstance(code, str)]


def _found(kind: Kind, resource: Resource) -> tuple[int, Unit, float] | None:
    """Return day, unit and value; None when the resource has no day, or lacks a quantity that its kind needs."""
    unit, value = "", _NO_VALUE
    if kind is Kind.MEASUREMENT:
        try:
            measured = quantity(resource)
            hash(measured)  # a unit that is a list, say, has no conversion to ask for: that raises
        except MISSHAPEN:
            return UNREADABLE, None, _NO_VALUE
        if measured is None or not isinstance(measured[1], str):
            return None
        value, unit = measured
    day = _number(resource_date, date.toordinal, resource)
    return None if day == NEVER else (day, unit, value)


def _number(read: Callable[[Resource], date | None], counted: Callable[[date], int], resource: Resource) -> int:
    try:
        day = read(resource)
    except MISSHAPEN:
        return UNREADABLE
    return counted(day) if day else NEVER


def _gender(patient: Resource) -> int:
    gender = patient.get("gender")
    return GENDER.get(gender, _NO_GENDER) if isinstance(gender, str) else _NO_GENDER


def _renumbered(numbers: Integers, mask: Mask) -> Integers:
    """Number as if what the mask leaves out had never been there."""
    renumbered: Integers = (np.cumsum(mask, dtype=np.int32) - 1)[numbers]
    return renumbered
