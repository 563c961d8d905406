"""FHIR R4 in: one patient's Bundle becomes received bytes by category.

Each resource is validated once, here, against R4 (`fhir.resources.R4B`; the library's default is R5, which refuses
valid R4), and kept as the very bytes that came: numbers in FHIR carry their precision in their digits. A record's
content is those bytes, one resource a line (line breaks between JSON tokens are the only thing that is replaced).
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import Any, Final

from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel, ValidationError

from consent.domain.errors import ConsentError
from consent.domain.terms import Category
from consent.services.records import ReceivedRecords


class FhirError(ConsentError):
    """The file is not one patient's FHIR R4 Bundle; nothing of it was stored, correct what the message names."""


CATEGORY_BY_TYPE: Final = {
    "Patient": Category.DEMOGRAPHICS,
    "Condition": Category.CONDITIONS,
    "MedicationRequest": Category.MEDICATIONS,
    "MedicationStatement": Category.MEDICATIONS,
    "Procedure": Category.PROCEDURES,
    "ImagingStudy": Category.IMAGING,
    "MolecularSequence": Category.GENOMICS,
    "RiskAssessment": Category.ASSESSMENTS,
    "DocumentReference": Category.NOTES,
}
CATEGORY_BY_CODE: Final = {
    "vital-signs": Category.VITAL_SIGNS,
    "laboratory": Category.LABORATORY,
    "social-history": Category.SOCIAL_HISTORY,
    "survey": Category.SURVEYS,
    "imaging": Category.IMAGING,
    "procedure": Category.PROCEDURES,
    "outcome": Category.OUTCOMES,
}
"""Observations by their category code: HL7's observation-category, and `outcome` of our own."""

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_LINE_BREAKS: Final = re.compile(r"[\r\n]+")


def read_bundle(received: bytes) -> ReceivedRecords:
    """Read one patient's transaction or collection Bundle; raise `FhirError` with the place of what is wrong."""
    text = _text(received)
    bundle = _json(text)
    if not isinstance(bundle, Mapping) or bundle.get("resourceType") != "Bundle":
        raise FhirError("the file is no FHIR Bundle: its resourceType must be Bundle")
    resources = list(_resources(text))
    patient = _only_patient([resource for resource, _ in resources])
    contents: dict[Category, list[str]] = {}
    for place, (resource, literal) in enumerate(resources):
        _validate(place, resource)
        _require_subject(place, resource, patient)
        contents.setdefault(_category(place, resource), []).append(_LINE_BREAKS.sub(" ", literal))
    lines = {category: "\n".join(parts).encode() for category, parts in contents.items()}
    return ReceivedRecords(_identifier(patient), lines)


def read_bundles(received: Iterable[bytes], processes: int = 2) -> Iterator[ReceivedRecords]:
    """Read many patients' Bundles, in order, on several processors; raises the `FhirError` of the first that is wrong.

    Validating is most of an import's time. Children are spawned, not forked: the parent may hold threads and locks.
    """
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_end_with_parent) as pool:
        yield from pool.map(read_bundle, received, chunksize=50)


def _end_with_parent() -> None:
    """Let a child end when its parent is killed; by itself it would wait for work forever."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _text(received: bytes) -> str:
    try:
        return received.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FhirError("the file is not UTF-8 text: export it as FHIR JSON in UTF-8") from error


def _json(text: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    try:
        return json.loads(text, object_pairs_hook=_unrepeated, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits, and nesting without end
        line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise FhirError(f"the file is not JSON{line}: export it as FHIR JSON") from error


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a field twice: readers would disagree on what it says."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise FhirError("an object in the file names a field twice: export the file again")
    return value


def _refuse_constant(_name: str) -> None:
    raise FhirError("the file holds NaN or Infinity, which JSON does not have: leave such values out")


def _resources(text: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield each entry's resource with the very text it came in. `text` is known to be JSON."""
    for key, start, _ in _members(text, _skip(text, 0)):
        if key == "entry":
            for place, entry in enumerate(_elements(text, start)):
                yield _resource(text, place, entry)


def _resource(text: str, place: int, entry: int) -> tuple[Mapping[str, Any], str]:
    if text[entry] == "{":
        for name, start, end in _members(text, entry):
            if name == "resource":
                resource = json.loads(text[start:end])
                if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
                    return resource, text[start:end]
    raise FhirError(f"entry {place} holds no resource with a resourceType: add it or leave the entry out")


def _members(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Yield name, start and end of each member of the object that starts at `at`; nothing for other values."""
    if text[at] != "{":
        return
    decoder, at = json.JSONDecoder(), _skip(text, at + 1)
    while text[at] != "}":
        name, at = decoder.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = decoder.raw_decode(text, start)
        yield name, start, end
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at


def _elements(text: str, at: int) -> Iterator[int]:
    """Yield the start of each element of the array that starts at `at`; nothing for other values."""
    if text[at] != "[":
        return
    decoder, at = json.JSONDecoder(), _skip(text, at + 1)
    while text[at] != "]":
        yield at
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        at = _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _only_patient(resources: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    patients = [resource for resource in resources if resource["resourceType"] == "Patient"]
    if len(patients) != 1:
        raise FhirError(f"the Bundle holds {len(patients)} Patient resources: send one Bundle for each patient")
    return patients[0]


def _identifier(patient: Mapping[str, Any]) -> str:
    """Return the patient's first identifier with system and value, as `system|value`."""
    for identifier in patient.get("identifier") or []:
        if identifier.get("system") and identifier.get("value"):
            return f"{identifier['system']}|{identifier['value']}"
    raise FhirError("the Patient has no identifier with system and value: add the hospital's own")


@lru_cache(maxsize=256)
def _model(resource_type: str) -> type[BaseModel] | None:
    try:
        model: type[BaseModel] = get_fhir_model_class(resource_type)
    except (KeyError, ValueError):
        return None
    return model


def _validate(place: int, resource: Mapping[str, Any]) -> None:
    model = _model(resource["resourceType"])
    if model is None:
        raise FhirError(f"entry {place} is of a type that FHIR R4 does not have")
    try:
        model.model_validate(resource)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        field = next((part for part in first["loc"] if part in model.model_fields), "a field")
        name = resource["resourceType"]
        raise FhirError(
            f"entry {place} is no valid R4 {name}: look at {field} ({len(error.errors())} in all)"
        ) from None


def _require_subject(place: int, resource: Mapping[str, Any], patient: Mapping[str, Any]) -> None:
    if resource is patient:
        return
    named, own = resource.get("subject") or resource.get("patient"), patient.get("id")
    reference = named.get("reference") if isinstance(named, Mapping) else None
    if own is None or reference not in {f"Patient/{own}", f"urn:uuid:{own}"}:
        raise FhirError(f"entry {place} names another patient than the Bundle's, or none: send it with its own patient")


def _category(place: int, resource: Mapping[str, Any]) -> Category:
    known = CATEGORY_BY_TYPE.get(resource["resourceType"])
    if known is not None:
        return known
    concepts = resource.get("category") if resource["resourceType"] == "Observation" else None
    for concept in concepts or []:
        for coding in concept.get("coding") or []:
            if coding.get("code") in CATEGORY_BY_CODE:
                return CATEGORY_BY_CODE[coding["code"]]
    raise FhirError(f"entry {place} is of a kind that no category covers yet: leave it out")
