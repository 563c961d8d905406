"""Who is in an import: what its Patients are called, and which person a reference means."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from consent.adapters.fhir import resources
from consent.adapters.fhir.outcomes import Literal, Person
from consent.adapters.fhir.resources import Resource
from consent.adapters.fhir.splitting import Source, literals
from consent.adapters.fhir.strict_json import NotJsonError, parse

Known = Callable[[str], Person | None]
"""Answers for Patients that are in no file of this import."""

_MAY_BE_PATIENT: Final = re.compile(rb'"Patient"|\\u')


class Patients:
    """By what each Patient of an import can be found, first in its own file, then in all."""

    def __init__(self, known: Known | None = None) -> None:
        self._known = known
        self._answers: dict[str, Person | None] = {}
        self._same: dict[Person, Person] = {}
        self._scopes: dict[int, dict[str, Person | None]] = {}

    def add(self, file: int, full_url: str, patient: Resource) -> None:
        """Note a Patient; one without identifiers of its own is not noted, and what refers to it finds nobody."""
        person = self.same(resources.identifiers(patient))
        if person:
            for scope in (file, 0):
                for key in _keys(full_url, patient, person):
                    self._note(self._scopes.setdefault(scope, {}), key, person)

    def same(self, person: Person) -> Person:
        """Return the one tuple that stands for all equal ones."""
        return self._same.setdefault(person, person)

    def find(self, file: int, keys: Sequence[str]) -> Person | None:
        """Return whom the first key means that means anybody; None when none does, or it means two."""
        for scope in (self._scopes.get(file, {}), self._scopes.get(0, {})):
            for key in keys:
                if key in scope:
                    return scope[key]
        return next((person for person in map(self._asked, keys) if person), None)

    def _asked(self, key: str) -> Person | None:
        if self._known is None or key.startswith(("*/", "urn:")):
            return None
        if key not in self._answers:
            person = self._known(key)
            self._answers[key] = self.same(person) if person else None
        return self._answers[key]

    def _note(self, scope: dict[str, Person | None], key: str, person: Person) -> None:
        """Let `key` mean `person`, or nobody from now on, where it means somebody else already."""
        already = scope.setdefault(key, person)
        if already is not None and already is not person and not _same(key, already, person):
            scope[key] = None


def _same(key: str, one: Person, other: Person) -> bool:
    """Say whether two Patients that answer to one key are one person, as two versions of a Patient are.

    Under one id it is enough that they share an identifier. Under one identifier, which a family may share by mistake,
    neither may have another that the other one lacks.
    """
    if resources.is_identifier_key(key):
        return set(one) <= set(other) or set(other) <= set(one)
    return not set(one).isdisjoint(other)


def patients_of(files: Sequence[Source], known: Known | None) -> Patients:
    """Go through all files once for the Patients in them; memory grows with their number alone."""
    patients = Patients(known)
    for number, source in enumerate(files, 1):
        for literal in literals(source, number, len(files)):
            if isinstance(literal, Literal) and _MAY_BE_PATIENT.search(literal.content):
                _add(patients, literal)
    return patients


def _add(patients: Patients, literal: Literal) -> None:
    try:
        resource = parse(literal.content)
    except NotJsonError:  # told of in the second pass
        return
    if isinstance(resource, dict) and resource.get("resourceType") == "Patient":
        patients.add(literal.file, literal.full_url, resource)


def _keys(full_url: str, patient: Resource, person: Person) -> Iterator[str]:
    own = patient.get("id")
    if isinstance(own, str):
        yield f"Patient/{own}"
        if not full_url:
            yield f"urn:uuid:{own}"
        if not full_url.startswith("http"):  # a Patient with an address of its own is not meant by another address
            yield f"*/Patient/{own}"
    if full_url:
        yield full_url
    yield from map(resources.by_identifier, person)
