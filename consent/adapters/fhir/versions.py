"""Which of two versions of a resource is the newer one."""

import json
from datetime import UTC, datetime
from typing import Any

from consent.adapters.fhir.resources import is_withdrawn, last_updated


def supersedes(new: bytes, stored: bytes) -> bool:
    """Say whether the received resource `new` takes the place of `stored`, another version of it.

    An older `meta.lastUpdated` never does. What was entered in error stays so until a resource comes whose
    `meta.lastUpdated` is later. Otherwise what comes later is newer.
    """
    theirs, ours = _resource(stored), _resource(new)
    before, after = _instant(theirs), _instant(ours)
    if is_withdrawn(theirs):
        return before is not None and after is not None and after > before
    return before is None or after is None or after >= before


def _resource(content: bytes) -> dict[str, Any]:
    """Read what was validated when it was received."""
    resource: dict[str, Any] = json.loads(content)
    return resource


def _instant(resource: dict[str, Any]) -> datetime | None:
    try:
        instant = datetime.fromisoformat(last_updated(resource))
    except ValueError:  # none, or a leap second
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
