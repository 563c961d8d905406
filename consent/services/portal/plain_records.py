"""A FHIR R4 resource in plain words: what it is about, of which day, what was found. Pure, and content with anything.

Resources were validated as they came in; what is missing in one, or has another shape, is left out here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any, Final

_ABOUT: Final = ("code", "medicationCodeableConcept", "vaccineCode", "type", "category", "description", "title")
_DATES: Final = (
    "effectiveDateTime", "effectivePeriod", "effectiveInstant", "performedDateTime", "performedPeriod",
    "onsetDateTime", "onsetPeriod", "occurrenceDateTime", "occurrencePeriod", "period", "authoredOn", "whenHandedOver",
    "started", "date", "authored", "created", "recordedDate", "issued", "birthDate",
)  # fmt: skip
"""The members that date a resource, those that tell when something was so before those that tell when it was noted."""
_DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_WHOLE: Final = len("2026-05-03")
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class PlainRecord:
    """One resource in plain words.

    Attributes:
        kind: its FHIR resource type.
        title: what it is about, as the sender wrote it; empty where it says nothing.
        day: the day it is of, None where it names no whole one; a month or a year stands among the values, as `when`.
        values: what was found, each with a name that is empty for the resource's own.
        raw: the resource as JSON values.
    """

    kind: str
    title: str
    day: date | None
    values: tuple[tuple[str, str], ...]
    raw: Mapping[str, Any]


def plain(resource: Mapping[str, Any]) -> PlainRecord:
    """Return a resource in plain words."""
    kind = str(resource.get("resourceType", ""))
    found = list(_of_patient(resource) if kind == "Patient" else chain(_values("", resource), _components(resource)))
    title = next(filter(None, (_named(resource.get(name)) for name in _ABOUT)), "")
    if not title:
        found = [("code", next(filter(None, (_words(resource.get(name)) for name in _ABOUT)), "")), *found]
    day, part = _when(resource)
    if kind != "Patient":  # whose birth date is a value already
        found.append(("when", part))
    return PlainRecord(kind, title, day, tuple((name, value) for name, value in found if value), resource)


def _when(resource: Mapping[str, Any]) -> tuple[date | None, str]:
    """Return the day, or the month or year, that the first member says that says any."""
    for name in _DATES:
        written = resource.get(name)
        text = written.get("start") or written.get("end") if isinstance(written, Mapping) else written
        known = _DATE.match(text) if isinstance(text, str) else None
        if known is None:
            continue
        if len(known[0]) < _WHOLE:
            return None, known[0]
        try:
            return date.fromisoformat(known[0]), ""
        except ValueError:
            continue
    return None, ""


def _of_patient(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("birthDate", "gender", "deceasedDateTime"):
        yield name, _words(resource.get(name))


def _values(name: str, resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each `value[x]`, of which FHIR allows one."""
    for member, value in resource.items():
        if member.startswith("value"):
            yield name, _words(value)
    yield name, _words(resource.get("dataAbsentReason"))


def _components(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    components = resource.get("component")
    for component in components if isinstance(components, list) else ():
        if isinstance(component, Mapping):
            yield from _values(_words(component.get("code")), component)


def _words(value: object) -> str:
    """Return text, a number, a Quantity, a CodeableConcept or the first of several in words; else nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.strip()[:_LONGEST]
    if isinstance(value, int | float):
        return f"{Decimal(str(value)):f}"[:_LONGEST]  # as it was sent: no digit is dropped, no power of ten written
    if isinstance(value, list):
        return next(filter(None, map(_words, value)), "")
    return _of_object(value) if isinstance(value, Mapping) else ""


def _named(value: object) -> str:
    """Return what a concept is called in words, nothing where it has codes alone."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, Mapping):
        return _words(first)
    codings = first.get("coding")
    displays = [one.get("display") for one in codings if isinstance(one, Mapping)] if isinstance(codings, list) else []
    return next(filter(None, (_words(text) for text in (first.get("text"), *displays) if isinstance(text, str))), "")


def _of_object(value: Mapping[str, Any]) -> str:
    if "value" in value:  # a Quantity
        unit = _words(value.get("unit")) or _words(value.get("code"))
        return f"{_words(value.get('comparator'))}{_words(value['value'])} {unit}".strip()
    if "start" in value or "end" in value:
        return " - ".join(str(value[name])[:10] for name in ("start", "end") if value.get(name))
    coded = value.get("coding")
    codings = [one for one in coded if isinstance(one, Mapping)] if isinstance(coded, list) else []
    displays = [value.get("text"), value.get("display"), *(one.get("display") for one in codings)]
    codes = [value.get("code"), *(one.get("code") for one in codings)]
    return next((_words(text) for text in (*displays, *codes) if isinstance(text, str) and text.strip()), "")
