"""JSON as RFC 8259 has it, and nothing that two readers could take for two things."""

import json
import re
from typing import Any, Final

from consent.domain.errors import ConsentError

DEPTH_LIMIT: Final = 200
"""Nesting that no FHIR resource comes near; deeper JSON could end the process."""

_BRACKETS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]', re.DOTALL)


class FhirError(ConsentError):
    """The file is not FHIR R4 as it must be; nothing of it was stored, correct what the message names."""


class NotJsonError(ConsentError):
    """The bytes are not strict JSON; the message ends a sentence that names their place."""


def parse(content: bytes) -> Any:  # noqa: ANN401  # whatever JSON holds
    """Read one JSON value in UTF-8; raises `NotJsonError` with what is wrong, never with what was written."""
    if deepest(content) > DEPTH_LIMIT:
        raise NotJsonError("is nested too deeply: export it again")
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_unrepeated, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise NotJsonError("is not UTF-8 text: export it as FHIR JSON in UTF-8") from None
    except (ValueError, RecursionError):  # also a number of thousands of digits
        raise NotJsonError("is not JSON: export it as FHIR JSON") from None


def deepest(content: bytes) -> int:
    """Return how deep arrays and objects lie in each other: exactly, where there are enough brackets to matter."""
    brackets = content.count(b"{") + content.count(b"[")
    if brackets <= DEPTH_LIMIT:
        return brackets
    depth = most = 0
    for found in _BRACKETS.finditer(content):
        token = found.group()
        depth += 1 if token in b"{[" else -1 if token in b"}]" else 0
        most = max(most, depth)
    return most


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a field twice: readers would disagree on what it says."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotJsonError("names a field twice: export it again")
    return value


def _refuse_constant(_name: str) -> None:
    raise NotJsonError("holds NaN or Infinity, which JSON does not have: leave such values out")
