"""One row of a CSV file becomes a Patient and Observations, FHIR R4 as JSON.

Ids depend on the person, the row and the column alone. Numbers keep their digits as written: a cell of 1.50 stays 1.50.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from consent.adapters.csv_dictionary import MOMENT, OBSERVATION_CATEGORIES, Column, CsvDictionary

OBSERVATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
UCUM: Final = "http://unitsofmeasure.org"

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
_DAY: Final = len("2000-01-01")

Cells = Mapping[str, str]
"""A row by its columns, white space and missing marks taken off."""


class CellError(Exception):
    """A cell is wrong."""

    def __init__(self, column: str, what: str) -> None:
        super().__init__(what)
        self.column, self.what = column, what


def identifier(dictionary: CsvDictionary, cells: Cells) -> str:
    """Return whose the row is, as `system|value`; raises `CellError` on an empty cell."""
    value = cells[dictionary.identifier]
    if not value:
        raise CellError(dictionary.identifier, "the cell is empty: give the person's identifier")
    return f"{dictionary.system}|{value}"


def row_key(dictionary: CsvDictionary, cells: Cells) -> str:
    """Return what tells this row from all others: person, row and dates, as 32 hex digits."""
    dates = sorted({column.date.column for column in dictionary.columns if column.date.column})
    own = [cells[name] for name in (dictionary.row, *dates) if name]
    return _digest(identifier(dictionary, cells), *own)


def patient(dictionary: CsvDictionary, cells: Cells) -> bytes:
    """Return the row's Patient; raises `CellError` on a birth date or sex that is none."""
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": _digest(identifier(dictionary, cells)),
        "identifier": [{"system": dictionary.system, "value": cells[dictionary.identifier]}],
    }
    if dictionary.sex and cells[dictionary.sex]:
        resource["gender"] = _gender(dictionary, dictionary.sex, cells[dictionary.sex])
    if dictionary.birth_date and cells[dictionary.birth_date]:
        resource["birthDate"] = _birth_date(dictionary.birth_date, cells[dictionary.birth_date])
    return _json(resource)


def observation(dictionary: CsvDictionary, column: Column, cells: Cells) -> bytes | None:
    """Return what a cell becomes, None for an empty one; raises `CellError` on a number or date that is none."""
    cell = cells[column.name]
    if not cell:
        return None
    person = identifier(dictionary, cells)
    when = column.date.fixed or _moment(column.date.column, cells[column.date.column])
    resource = {
        "resourceType": "Observation",
        "id": _digest(person, cells[dictionary.row] if dictionary.row else "", column.name, when),
        "status": "final",
        "category": [{"coding": [_category(column.category)]}],
        "code": {"coding": [{"system": column.system, "code": column.code, "display": column.display}]},
        "subject": {"reference": f"Patient/{_digest(person)}"},
        "effectiveDateTime": when,
    }
    if column.unit is None:
        return _json(resource | {"valueString": cell})
    return _with_number(resource, _number(column.name, cell), column.unit)


def _with_number(resource: Mapping[str, Any], number: str, unit: str) -> bytes:
    """Add the number as written: JSON libraries would write 1.50 as 1.5."""
    quantity = _json({"unit": unit, "system": UCUM, "code": unit})
    return _json(resource)[:-1] + b',"valueQuantity":{"value":' + number.encode() + b"," + quantity[1:] + b"}"


def _number(column: str, cell: str) -> str:
    if not _NUMBER.fullmatch(cell):
        raise CellError(column, "the cell is no number with a decimal point: correct it or name it as missing")
    return cell


def _moment(column: str, cell: str) -> str:
    if not _is_moment(cell):
        raise CellError(column, "the cell is no date: write YYYY-MM-DD")
    return cell


def _birth_date(column: str, cell: str) -> str:
    if len(cell) > _DAY or not _is_moment(cell):
        raise CellError(column, "the cell is no birth date: write YYYY-MM-DD")
    return cell


def _is_moment(cell: str) -> bool:
    if not MOMENT.fullmatch(cell):
        return False
    try:
        date.fromisoformat((cell[:_DAY] + "-01-01")[:_DAY])
    except ValueError:  # the 30th of February
        return False
    return True


def _gender(dictionary: CsvDictionary, column: str, cell: str) -> str:
    if cell not in dictionary.sexes:
        raise CellError(column, "the dictionary's sexes do not have this cell: add it there")
    return dictionary.sexes[cell]


def _category(code: str) -> dict[str, str]:
    return {"system": OBSERVATION_CATEGORY, "code": code} if code in OBSERVATION_CATEGORIES else {"code": code}


def _json(resource: Mapping[str, Any]) -> bytes:
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
