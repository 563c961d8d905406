"""From admitted records to feature rows: what the gate did not admit is not there to be used."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any

from analytics import Dictionary, Row, resource_date
from consent.domain.terms import Category, SubjectId, Window
from vault import Admitted
from vault import Opening as OpenedRecords


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One person's row, and the consent that it rests on (32-byte commitment)."""

    subject: SubjectId
    commitment: bytes
    row: Row


def training_rows(
    openings: Iterable[OpenedRecords], dictionary: Dictionary
) -> Iterator[TrainingRow]:  # fmt: skip
    """Yield a row for each admitted subject whose outcome is known; records stream, one person at a time."""
    for opened in openings:
        row = dictionary.row(_resources(opened), opened.admitted.categories)
        if row is not None:
            yield TrainingRow(SubjectId(opened.subject), opened.admitted.commitment, row)


def _resources(opened: OpenedRecords) -> dict[str, list[Mapping[str, Any]]]:
    """Parse a person's admitted resources by category, those outside the admitted window left out.

    Of records from before they had names, the later version of a resource counts.
    """
    newest: dict[str, dict[object, Mapping[str, Any]]] = {}
    for record in sorted(opened.records, key=attrgetter("version")):
        of_category = newest.setdefault(record.category, {})
        for place, line in enumerate(record.content.splitlines()):
            resource = json.loads(line)
            anonymous = (record.record_id, place)
            of_category[(resource["resourceType"], resource["id"]) if "id" in resource else anonymous] = resource
    return {category: _admitted(category, found.values(), opened.admitted) for category, found in newest.items()}


def _admitted(category: str, resources: Iterable[Mapping[str, Any]], admitted: Admitted) -> list[Mapping[str, Any]]:
    undated = category == Category.DEMOGRAPHICS
    return [resource for resource in resources if _within(resource_date(resource), admitted, undated=undated)]


def _within(day: date | None, admitted: Admitted, *, undated: bool) -> bool:
    """Say whether a resource of this day is admitted.

    Who somebody is has no day; anything else without one (`undated` False) is admitted under an open window only.
    """
    window = Window(admitted.start, admitted.end)
    return undated or window == Window() if day is None else window.holds(day)
