"""From admitted records to feature rows: what the gate did not admit is not there to be used."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
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
    """Parse a person's admitted resources by category, those outside the admitted window left out."""
    resources: dict[str, list[Mapping[str, Any]]] = {}
    for record in opened.records:
        parsed = (json.loads(line) for line in record.content.splitlines())
        undated = record.category == Category.DEMOGRAPHICS
        kept = (resource for resource in parsed if _within(resource_date(resource), opened.admitted, undated=undated))
        resources.setdefault(record.category, []).extend(kept)
    return resources


def _within(day: date | None, admitted: Admitted, *, undated: bool) -> bool:
    """Say whether a resource of this day is admitted.

    Who somebody is has no day; anything else without one (`undated` False) is admitted under an open window only.
    """
    window = Window(admitted.start, admitted.end)
    return undated or window == Window() if day is None else window.holds(day)
