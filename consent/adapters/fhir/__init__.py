"""FHIR R4 in: whatever a hospital exports becomes received resources, each with its person and its category.

    for found in read([Path("Patient.ndjson"), Path("Observation.ndjson")]):
        match found:
            case ReceivedResource():  # one resource, validated, as the very bytes that came
            case Problem(place, what):  # one that is not taken: where it stands and what to look at
            case LeftOut(resource_type, count):  # at the end: administrative resources, which are not kept

Each resource is validated once, here, against R4 (`fhir.resources.R4B`; the library's default is R5, which refuses
valid R4), and kept as the very bytes that came: numbers in FHIR carry their precision in their digits.
"""

from consent.adapters.fhir.outcomes import LeftOut, Problem
from consent.adapters.fhir.reading import Found, read
from consent.adapters.fhir.strict_json import FhirError
from consent.adapters.fhir.versions import supersedes

__all__ = ["FhirError", "Found", "LeftOut", "Problem", "read", "supersedes"]
