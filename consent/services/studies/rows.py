"""From admitted records to feature rows: what the gate did not admit is not there to be used.

A row is worked out once for each person, dictionary, cohort and admission, and kept sealed in the vault until a record
of theirs comes in (`vault.Derivation`). What is kept of somebody without a row has the length of one.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from operator import attrgetter
from typing import Any, Final

from analytics import CohortQuery, Dictionary, Row, resource_date
from consent.domain.terms import Category, SubjectId, Window
from vault import Admitted, Derivation
from vault import Opening as OpenedRecords

VERSION: Final = "consentry/row/v1"
"""Another one whenever the same records would give another row."""
_ROW: Final = b"\x01"
_NO_ROW: Final = b"\x00"


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One person's row, and the consent that it rests on (32-byte commitment)."""

    subject: SubjectId
    commitment: bytes
    row: Row


def derivation(dictionary: Dictionary, cohort: CohortQuery | None) -> Derivation:
    """Return how one person's row is worked out, as the bytes that `row_from` reads."""
    name = f"{VERSION}\n{dictionary.hash}\n{cohort.id if cohort else ''}"
    return Derivation(name.encode(), partial(_row_bytes, dictionary, cohort))


def row_from(content: bytes) -> Row | None:
    """Return the row that a derivation gave, None where the person has none."""
    return Row.from_bytes(content[1:]) if content[:1] == _ROW else None


def row_of(opened: OpenedRecords, dictionary: Dictionary, cohort: CohortQuery | None) -> Row | None:
    """Return one person's row; None where they are not in the cohort, or their outcome is not known."""
    resources, permitted = permitted_resources(opened), opened.admitted.categories
    if cohort is None:
        return dictionary.row(resources, permitted)
    index = cohort.index_of(resources, permitted)
    return None if index is None else dictionary.row(resources, permitted, index)


def permitted_resources(opened: OpenedRecords) -> dict[str, list[Mapping[str, Any]]]:
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


def _row_bytes(dictionary: Dictionary, cohort: CohortQuery | None, opened: OpenedRecords) -> bytes:
    row = row_of(opened, dictionary, cohort)
    if row is not None:
        return _ROW + row.to_bytes()
    width = len(dictionary.features)
    blank = Row((0.0,) * width, 0, (0.0,) * len(dictionary.comparisons))
    return _NO_ROW + blank.to_bytes()


def _admitted(category: str, resources: Iterable[Mapping[str, Any]], admitted: Admitted) -> list[Mapping[str, Any]]:
    undated = category == Category.DEMOGRAPHICS
    return [resource for resource in resources if _within(resource_date(resource), admitted, undated=undated)]


def _within(day: date | None, admitted: Admitted, *, undated: bool) -> bool:
    """Say whether a resource of this day is admitted.

    Who somebody is has no day; anything else without one (`undated` False) is admitted under an open window only.
    """
    window = Window(admitted.start, admitted.end)
    return undated or window == Window() if day is None else window.holds(day)
