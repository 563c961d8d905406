"""What a valid resource says of itself: its name, whether it was withdrawn, when it changed, whom it is about."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

Resource = Mapping[str, Any]

PATIENT_FIELD: Final = frozenset(
    {
        "AllergyIntolerance", "BodyStructure", "DetectedIssue", "Device", "EpisodeOfCare", "FamilyMemberHistory",
        "Immunization", "ImmunizationEvaluation", "ImmunizationRecommendation", "MolecularSequence", "NutritionOrder",
        "VisionPrescription",
    }
)  # fmt: skip
"""Types whose patient stands in `patient`; in all others it stands in `subject`."""

SHARED_KINDS: Final = frozenset({"AN", "MB", "SN", "VN"})
"""Identifier types (HL7 table 0203) that do not name one person: account, member, subscriber and visit numbers."""

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_STATUSES: Final = ("status", "lifecycleStatus", "docStatus", "verificationStatus", "clinicalStatus")
_WITHDRAWN: Final = "entered-in-error"
_HISTORY: Final = "/_history/"
_RELATIVE: Final = re.compile(r"Patient/[A-Za-z0-9\-.]{1,64}")
_ABSOLUTE: Final = re.compile(r"https?://.+/(Patient/[A-Za-z0-9\-.]{1,64})")
_CONDITIONAL: Final = "Patient?"


def name(resource: Resource, content: bytes) -> str:
    """Return type and id, such as "Observation/abc", or "Observation/sha256:" and 32 hex digits without an id.

    `content` are the resource's bytes. Those that come again have the same name again; an id holds no colon, so that
    nobody's is such a name. Raises `ValueError` on a wrong id.
    """
    own = resource.get("id")
    if own is None:
        return f"{resource['resourceType']}/sha256:{hashlib.sha256(content).hexdigest()[:32]}"
    if not isinstance(own, str) or not _ID.fullmatch(own):
        raise ValueError
    return f"{resource['resourceType']}/{own}"


def is_withdrawn(resource: Resource) -> bool:
    """Say whether the resource was entered in error, whichever field says so."""
    return any(_WITHDRAWN in _codes(resource.get(field)) for field in _STATUSES)


def last_updated(resource: Resource) -> str:
    """Return `meta.lastUpdated` as written; nothing without one."""
    meta = resource.get("meta")
    found = meta.get("lastUpdated") if isinstance(meta, Mapping) else None
    return found if isinstance(found, str) else ""


def patient_field(resource: Resource) -> str:
    """Return the field that names whom the resource is about."""
    return "patient" if resource["resourceType"] in PATIENT_FIELD else "subject"


def keys(resource: Resource) -> tuple[str, ...]:
    """Return by what its patient can be found, in this order; nothing when it names none.

    "Patient/x"; "urn:uuid:x"; an absolute URL, then "*/Patient/x" for Patients that came without an address of their
    own; "Patient?identifier=system|value" for a conditional or logical reference.
    """
    named = resource.get(patient_field(resource))
    if not isinstance(named, Mapping):
        return ()
    found = list(_reference_keys(named.get("reference")))
    identifier = named.get("identifier")
    if isinstance(identifier, Mapping) and named.get("type", "Patient") == "Patient":
        found += [by_identifier(spelled) for spelled in _spelled(identifier)]
    return tuple(found)


def by_identifier(identifier: str) -> str:
    """Return the key of whom `system|value` names."""
    return f"{_CONDITIONAL}identifier={identifier}"


def is_identifier_key(key: str) -> bool:
    """Say whether a key is one of `by_identifier`."""
    return key.startswith(_CONDITIONAL)


def identifiers(patient: Resource) -> tuple[str, ...]:
    """Return a Patient's own identifiers, each `system|value`, once; not temporary and not shared ones."""
    found = patient.get("identifier")
    usable = [each for each in found if _is_own(each)] if isinstance(found, list) else []
    return tuple(dict.fromkeys(spelled for each in usable for spelled in _spelled(each)))


def _reference_keys(reference: object) -> Iterator[str]:
    if not isinstance(reference, str):
        return
    current = reference.partition(_HISTORY)[0]
    if _RELATIVE.fullmatch(current) or current.startswith(("urn:uuid:", "urn:oid:")):
        yield current
    elif absolute := _ABSOLUTE.fullmatch(current):
        yield current
        yield f"*/{absolute[1]}"
    elif current.startswith(_CONDITIONAL):
        asked = parse_qsl(current.removeprefix(_CONDITIONAL))
        if len(asked) == 1 and asked[0][0] == "identifier":
            yield by_identifier(asked[0][1])


def _is_own(identifier: object) -> bool:
    return (
        isinstance(identifier, Mapping)
        and identifier.get("use") != "temp"
        and SHARED_KINDS.isdisjoint(_codes(identifier.get("type")))
    )


def _spelled(identifier: Resource) -> Iterator[str]:
    system, value = identifier.get("system"), identifier.get("value")
    if isinstance(system, str) and isinstance(value, str) and system and value.strip() and "|" not in system:
        yield f"{system}|{value}"


def _codes(value: object) -> list[str]:
    """Return a code, or the codes of a CodeableConcept."""
    if isinstance(value, Mapping):
        return [code for _, code in codings(value)]
    return [value] if isinstance(value, str) else []


def codings(concept: object) -> Iterator[tuple[str, str]]:
    """Yield system (may be empty) and code of each coding of a CodeableConcept; nothing for anything else."""
    found = concept.get("coding") if isinstance(concept, Mapping) else None
    for coding in found if isinstance(found, list) else ():
        if isinstance(coding, Mapping) and isinstance(coding.get("code"), str):
            system = coding.get("system")
            yield system if isinstance(system, str) else "", coding["code"]
