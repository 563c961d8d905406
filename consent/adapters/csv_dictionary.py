"""The dictionary of a CSV file: what its columns mean, in TOML. `docs/ingest.md` has an example.

    [file]
    delimiter = ";"                        # default ","
    missing = ["NA"]                       # cells that mean nothing, as empty ones do; default none
    row = "visit"                          # a column that tells rows of one person and date apart; may be left out

    [person]
    identifier = "mrn"                     # column
    system = "https://hospital.example/mrn"
    birth_date = "born"                    # column with YYYY, YYYY-MM or YYYY-MM-DD; may be left out
    sex = "sex"                            # column; may be left out
    sexes = { m = "male", f = "female" }   # cell -> male, female, other or unknown; where cells say so, leave it out

    [date]
    column = "taken"                       # YYYY-MM-DD or a FHIR dateTime; or, instead:
    fixed = 1994-01-12

    [[column]]
    name = "creatinine"
    system = "http://loinc.org"
    code = "2160-0"
    display = "Creatinine"
    category = "laboratory"                # of HL7's observation-category, or outcome, or genomics
    unit = "mg/dL"                         # UCUM: cells are numbers; without it they are text
    date = { column = "lab_day" }          # where it is not the file's

Anything else raises `CsvDictionaryError`.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from consent.domain.errors import ConsentError

GENDERS: Final = ("male", "female", "other", "unknown")
"""FHIR's administrative-gender."""

OBSERVATION_CATEGORIES: Final = frozenset(
    {
        "activity", "exam", "imaging", "laboratory", "procedure", "social-history", "survey", "therapy", "vital-signs",
    }
)  # fmt: skip
"""HL7's observation-category."""

OWN_CATEGORIES: Final = frozenset({"genomics", "outcome"})
"""Codes of our own, which stand without a system."""

MOMENT: Final = re.compile(
    r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])"
    r"(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-](0\d|1[0-4]):[0-5]\d))?)?)?"
)
"""A FHIR dateTime."""


class CsvDictionaryError(ConsentError):
    """The dictionary of a CSV file is wrong; correct what the message names."""


@dataclass(frozen=True, slots=True)
class Dated:
    """When something was measured: in a column, or always the same."""

    column: str = ""
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column whose cells become Observations."""

    name: str
    system: str
    code: str
    display: str
    category: str
    unit: str | None
    date: Dated


@dataclass(frozen=True, slots=True)
class CsvDictionary:
    """What the columns of a CSV file mean; the module says what each field is."""

    identifier: str
    system: str
    columns: tuple[Column, ...]
    birth_date: str | None = None
    sex: str | None = None
    sexes: Mapping[str, str] = field(default_factory=dict)
    row: str | None = None
    delimiter: str = ","
    missing: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "CsvDictionary":
        """Read a dictionary; raises `CsvDictionaryError` with what is wrong."""
        try:
            whole = _Table("the dictionary", tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise CsvDictionaryError(f"the dictionary is no TOML: {error}") from None
        found = _dictionary(whole)
        names = list(found.names())
        if len(names) != len(set(names)):
            raise CsvDictionaryError("a column stands in the dictionary twice: keep one of them")
        return found

    def names(self) -> Iterator[str]:
        """Yield the columns that hold something of their own; a date column may be one of them."""
        yield self.identifier
        yield from (name for name in (self.birth_date, self.sex, self.row) if name)
        yield from (column.name for column in self.columns)

    def needed(self) -> list[str]:
        """Return every column that the file must have, once."""
        return list(dict.fromkeys([*self.names(), *(each.date.column for each in self.columns if each.date.column)]))


class _Table:
    """One TOML table, taken field by field; what is left over is a mistake."""

    def __init__(self, name: str, table: object) -> None:
        if not isinstance(table, dict):
            raise CsvDictionaryError(f"{name} must be a table")
        self.name, self._left = name, dict(table)

    def text(self, field: str, default: str | None = None) -> str:
        value = self._left.pop(field, default)
        if not isinstance(value, str) or (not value and default is None):
            raise CsvDictionaryError(f"{self.name} needs {field}, a text")
        return value

    def take(self, field: str, default: Any) -> Any:  # noqa: ANN401  # as TOML has it
        return self._left.pop(field, default)

    def table(self, field: str) -> "_Table":
        return _Table(
            f"[{field}]" if self.name == "the dictionary" else f"{field} of {self.name}", self.take(field, {})
        )

    def end(self) -> None:
        if self._left:
            raise CsvDictionaryError(f"{self.name} has a field that is unknown: {min(self._left)}")


def _dictionary(whole: _Table) -> CsvDictionary:
    file, person, date = whole.table("file"), whole.table("person"), whole.table("date")
    columns = whole.take("column", [])
    whole.end()
    usual = _dated(date, None)
    if not isinstance(columns, list) or not columns:
        raise CsvDictionaryError("the dictionary needs at least one [[column]]")
    found = CsvDictionary(
        identifier=person.text("identifier"),
        system=_system(person),
        columns=tuple(_column(_Table(f"column {number}", each), usual) for number, each in enumerate(columns, 1)),
        birth_date=person.text("birth_date", "") or None,
        sex=person.text("sex", "") or None,
        sexes=_sexes(person),
        row=file.text("row", "") or None,
        delimiter=_delimiter(file),
        missing=frozenset(_texts(file)),
    )
    person.end()
    file.end()
    return found


def _column(table: _Table, usual: Dated | None) -> Column:
    found = Column(
        name=table.text("name"),
        system=_system(table),
        code=table.text("code"),
        display=table.text("display"),
        category=table.text("category"),
        unit=table.text("unit", "") or None,
        date=_dated(table.table("date"), usual) or Dated(),
    )
    table.end()
    if found.category not in OBSERVATION_CATEGORIES | OWN_CATEGORIES:
        raise CsvDictionaryError(f"{table.name} has a category that is unknown: {found.category}")
    if found.date == Dated():
        raise CsvDictionaryError(f"{table.name} has no date: give it one, or the whole file by [date]")
    return found


def _dated(table: _Table, usual: Dated | None) -> Dated | None:
    fixed = table.take("fixed", "")
    found = Dated(table.text("column", ""), fixed.isoformat() if isinstance(fixed, date) else str(fixed))
    table.end()
    if found.column and found.fixed:
        raise CsvDictionaryError(f"{table.name} has a column and a fixed date: keep one of them")
    if found.fixed and not MOMENT.fullmatch(found.fixed):
        raise CsvDictionaryError(f"{table.name} has a fixed date that is none: write YYYY-MM-DD")
    return usual if found == Dated() else found


def _system(table: _Table) -> str:
    system = table.text("system")
    if "|" in system or not re.fullmatch(r"\S+", system):
        raise CsvDictionaryError(f"{table.name} has a system that is no URL")
    return system


def _sexes(person: _Table) -> Mapping[str, str]:
    found = person.take("sexes", {gender: gender for gender in GENDERS})
    if not isinstance(found, dict) or not set(found.values()) <= set(GENDERS):
        raise CsvDictionaryError(f"sexes of {person.name} gives each cell one of {', '.join(GENDERS)}")
    return found


def _delimiter(file: _Table) -> str:
    delimiter = file.text("delimiter", ",")
    if delimiter not in {",", ";", "\t", "|"}:
        raise CsvDictionaryError("delimiter of [file] is one of , ; | and the tabulator")
    return delimiter


def _texts(file: _Table) -> list[str]:
    missing = file.take("missing", [])
    if not isinstance(missing, list) or not all(isinstance(each, str) for each in missing):
        raise CsvDictionaryError("missing of [file] is a list of texts")
    return missing
