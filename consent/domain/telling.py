"""What an entry of the log tells. Its bytes are not believed: what is malformed tells nothing."""

import json
from collections.abc import Mapping
from typing import Any

from consent.domain.entry import PlacedEntry
from consent.domain.typed_data import Address


def said(entry: PlacedEntry) -> Mapping[str, Any] | None:
    """Return what an entry says, None where it is no JSON object."""
    try:
        body = json.loads(entry.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def facts_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an entry's facts, empty where it has none."""
    facts = body.get("facts")
    return facts if isinstance(facts, dict) else {}


def enrolment_key(body: Mapping[str, Any]) -> Address:
    """Return the enrolment key that an entry names, empty where it names none."""
    try:
        return Address(bytes.fromhex(str(facts_of(body).get("key", ""))))
    except ValueError:
        return Address(b"")
