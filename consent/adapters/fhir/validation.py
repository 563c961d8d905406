"""Whether a resource is valid FHIR R4."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel, ValidationError

_UNFORESEEN: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the library lets out on shapes it did not foresee, such as a contained resource of no type that there is."""


def fault(resource: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a resource that has a `resourceType`, as the end of a sentence; None when it is valid.

    Names the first field to look at, never what it holds.
    """
    name = resource["resourceType"]
    model = _model(name)
    if model is None:
        return "is of a type that FHIR R4 does not have"
    try:
        model.model_validate(resource)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        field = next((part for part in first["loc"] if part in model.model_fields), "a field")
        return f"is no valid R4 {name}: look at {field} ({len(error.errors())} in all)"
    except _UNFORESEEN:
        return f"is no valid R4 {name}: look at contained, and at what is of the wrong kind"
    return None


@lru_cache(maxsize=256)
def _model(resource_type: str) -> type[BaseModel] | None:
    try:
        model: type[BaseModel] = get_fhir_model_class(resource_type)
    except (KeyError, ValueError):
        return None
    return model
