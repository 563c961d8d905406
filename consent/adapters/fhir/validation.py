"""Whether a resource is valid FHIR R4."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from fhir.resources import get_fhir_model_class as in_r5
from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from consent.adapters.fhir.codes import wrong_codes

NO_R4_TYPE: Final = "is of a type that FHIR R4 does not have: export it as R4 (4.0.1), or leave it out"

_UNFORESEEN: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the library lets out on shapes it did not foresee, such as a contained resource of no type that there is."""


def fault(resource: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a resource that has a `resourceType`, as the end of a sentence; None when it is valid.

    Names the first field to look at, by its path from the resource down, never what it holds.
    """
    name = resource["resourceType"]
    model = _model(name)
    if model is None:
        return NO_R4_TYPE
    try:
        wrong = sorted(wrong_codes(model.model_validate(resource)))
    except ValidationError as error:
        found = error.errors(include_input=False, include_context=False, include_url=False)
        return f"is no valid R4 {name}: look at {_where(name, found[0])} ({len(found)} in all)"
    except _UNFORESEEN:
        return f"is no valid R4 {name}: look at contained, and at what is of the wrong kind"
    return f"is no valid R4 {name}: look at {wrong[0]} ({len(wrong)} in all)" if wrong else None


def _where(name: str, error: ErrorDetails) -> str:
    """Return the path to look at. A field that FHIR does not have is the sender's own text: only what it stands in."""
    path = [part for part in error["loc"] if isinstance(part, str)]
    if error["type"] == "extra_forbidden":
        strange = path.pop()
        if not path and strange in _fields_of_r5(name):
            return f"{strange}, which only R5 has: export it as R4 (4.0.1)"
        return f"{'.'.join(path) or name}, which has a field that R4 does not have"
    if error["type"] == "value_error" and not path:
        return f"{name}, where of a field of several kinds, such as value[x], exactly one may stand"
    return ".".join(path) or name


def _fields_of_r5(resource_type: str) -> frozenset[str]:
    try:
        model: type[BaseModel] = in_r5(resource_type)
    except (KeyError, ValueError):  # R5 dropped some types
        return frozenset()
    return frozenset(field.alias or name for name, field in model.model_fields.items())


@lru_cache(maxsize=256)
def _model(resource_type: str) -> type[BaseModel] | None:
    try:
        model: type[BaseModel] = get_fhir_model_class(resource_type)
    except (KeyError, ValueError):
        return None
    return model
