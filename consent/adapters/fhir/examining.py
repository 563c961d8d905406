"""Reading one received resource: validated, categorised, and asked whom it is about. Knows no other resource."""

from dataclasses import dataclass
from typing import Any

from consent.adapters.fhir import resources
from consent.adapters.fhir.categories import ADMINISTRATIVE, BY_CODES_ALONE, CATEGORY_BY_TYPE, category
from consent.adapters.fhir.strict_json import NotJsonError, parse
from consent.adapters.fhir.validation import NO_R4_TYPE, fault
from consent.domain.terms import Category


@dataclass(frozen=True, slots=True)
class Sound:
    """A valid resource.

    Attributes:
        resource_type: such as "Observation".
        name: such as "Observation/abc"; made of its content when it has no id.
        category: its home.
        withdrawn: whether it was entered in error.
        updated: `meta.lastUpdated` as written.
        identifiers: a Patient's own; of anything else none.
        keys: by what the patient of anything else can be found (`resources.keys`).
        patient_field: the field that names the patient.
    """

    resource_type: str
    name: str
    category: Category
    withdrawn: bool
    updated: str
    identifiers: tuple[str, ...]
    keys: tuple[str, ...]
    patient_field: str


@dataclass(frozen=True, slots=True)
class Administrative:
    """A resource of a type that is not kept; it was not validated."""

    resource_type: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """What is wrong with a resource."""

    what: str


Examined = Sound | Administrative | Faulty


def examine(content: bytes) -> Examined:
    """Say what a resource is; never raises for what it holds."""
    try:
        resource = parse(content)
    except NotJsonError as error:
        return Faulty(f"the resource {error}")
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return Faulty("there is no resource with a resourceType: add it or leave this out")
    return _of_type(resource, resource["resourceType"], content)


def _of_type(resource: dict[str, Any], resource_type: str, content: bytes) -> Examined:
    if resource_type in ADMINISTRATIVE:
        return Administrative(resource_type)
    if resource_type == "Bundle":
        return Faulty("a Bundle inside: give it as a file of its own")
    if resource_type not in CATEGORY_BY_TYPE and resource_type not in BY_CODES_ALONE:
        return Faulty(f"the resource {NO_R4_TYPE}")
    wrong = fault(resource)
    return _sound(resource, resource_type, content) if wrong is None else Faulty(f"the resource {wrong}")


def _sound(resource: dict[str, Any], resource_type: str, content: bytes) -> Sound | Faulty:
    try:
        name = resources.name(resource, content)
    except ValueError:
        return Faulty(f"the resource is no valid R4 {resource_type}: look at id")
    home = category(resource)
    if home is None:
        return Faulty(f"no code of this {resource_type} says of what kind it is: look at category")
    return Sound(
        resource_type=resource_type,
        name=name,
        category=home,
        withdrawn=resources.is_withdrawn(resource),
        updated=resources.last_updated(resource),
        identifiers=resources.identifiers(resource) if resource_type == "Patient" else (),
        keys=() if resource_type == "Patient" else resources.keys(resource),
        patient_field=resources.patient_field(resource),
    )
