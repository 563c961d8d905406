"""CSV in: each row becomes a Patient and Observations of FHIR R4, which then go the way of all others.

    for found in read_csv([Path("laboratory.csv")], CsvDictionary.parse(text)):
        ...  # ReceivedResource, Problem or LeftOut, as from `consent.adapters.fhir.read`

The same file imported again changes nothing. Rows count from 1, the first below the names of the columns.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO, TextIOWrapper
from typing import BinaryIO, Final

from consent.adapters import csv_rows
from consent.adapters.csv_dictionary import CsvDictionary
from consent.adapters.csv_rows import CellError, Cells
from consent.adapters.fhir.outcomes import Literal, Person, Problem
from consent.adapters.fhir.patients import Patients
from consent.adapters.fhir.reading import Found, received
from consent.adapters.fhir.splitting import Source

_UNREADABLE: Final = "the file cannot be read: see that it is there and may be read"
_NOT_UTF_8: Final = "the file is not UTF-8 text from here on: export it in UTF-8"
_NO_CSV: Final = "the file is no CSV from here on: look at its quotes"
_UNEVEN: Final = "the row has more or fewer cells than the first: look at its quotes"
_DIFFERS: Final = "birth date or sex differ from an earlier row of this person: correct one of them"
_REPEATED: Final = "an earlier row has the same person and dates: name a column that tells them apart as `row`"


def read_csv(files: Sequence[Source], dictionary: CsvDictionary, processes: int = 2) -> Iterator[Found]:
    """Yield what the files of one import hold, in order; memory grows by some 200 bytes a row.

    Content raises nothing; a child that is ended from outside raises `FhirError`.
    """
    patients = Patients()
    rows = _Rows(dictionary, patients)
    whole = (found for number, source in enumerate(files, 1) for found in rows.literals(source, number, len(files)))
    yield from received(whole, patients, processes)


@dataclass(slots=True)
class _Rows:
    """The rows of one import, and what has been seen of them."""

    dictionary: CsvDictionary
    patients: Patients
    _people: dict[Person, bytes] = field(default_factory=dict)
    _seen: set[bytes] = field(default_factory=set)

    def literals(self, source: Source, number: int, of: int) -> Iterator[Literal | Problem]:
        """Yield what the rows of one file become."""
        place = f"file {number} of {of}"
        try:
            with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
                yield from self._of_file(file, place, number)
        except OSError:  # its message holds the file's name
            yield Problem(place, _UNREADABLE)

    def _of_file(self, file: BinaryIO, place: str, number: int) -> Iterator[Literal | Problem]:
        row = 0
        try:
            with TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
                reader = csv.reader(text, delimiter=self.dictionary.delimiter, strict=True)
                header = [name.strip() for name in next(reader, [])]
                wrong = self._wrong_header(header)
                if wrong:
                    yield Problem(place, wrong)
                    return
                for cells in filter(None, reader):
                    row += 1
                    yield from self._of_row(header, cells, f"{place}, row {row}", number)
        except UnicodeDecodeError:
            yield Problem(f"{place}, row {row + 1}", _NOT_UTF_8)
        except csv.Error:
            yield Problem(f"{place}, row {row + 1}", _NO_CSV)

    def _wrong_header(self, header: Sequence[str]) -> str | None:
        for name in self.dictionary.needed():
            if header.count(name) != 1:
                return f"the first row names the column {name} {header.count(name)} times: name it once"
        return None

    def _of_row(
        self, header: Sequence[str], row: Sequence[str], place: str, number: int
    ) -> Iterator[Literal | Problem]:
        if len(row) != len(header):
            yield Problem(place, _UNEVEN)
            return
        cells = {name: self._meant(cell.strip()) for name, cell in zip(header, row, strict=True)}
        try:
            person = self.patients.same((csv_rows.identifier(self.dictionary, cells),))
        except CellError as error:
            yield _problem(place, error)
            return
        key = bytes.fromhex(csv_rows.row_key(self.dictionary, cells))
        if key in self._seen:
            yield Problem(place, _REPEATED)
            return
        self._seen.add(key)
        for found in (*self._patient(person, cells, place), *self._observations(cells, place)):
            yield Literal(place, number, found, person=person) if isinstance(found, bytes) else found

    def _meant(self, cell: str) -> str:
        return "" if cell in self.dictionary.missing else cell

    def _patient(self, person: Person, cells: Cells, place: str) -> Iterator[bytes | Problem]:
        """Yield the Patient of a row, unless an earlier row gave the same one."""
        try:
            found = csv_rows.patient(self.dictionary, cells)
        except CellError as error:
            yield _problem(place, error)
            return
        earlier = self._people.setdefault(person, found)
        if earlier is found:
            yield found
        elif earlier != found:
            yield Problem(place, _DIFFERS)

    def _observations(self, cells: Cells, place: str) -> Iterator[bytes | Problem]:
        for column in self.dictionary.columns:
            try:
                found = csv_rows.observation(self.dictionary, column, cells)
            except CellError as error:
                yield _problem(place, error)
            else:
                if found is not None:
                    yield found


def _problem(place: str, error: CellError) -> Problem:
    return Problem(f"{place}, column {error.column}", error.what)
