"""CSV in: rows become FHIR with stable ids, digits stay as written, and a bad cell is named by row and column."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.adapters.csv_dictionary import CsvDictionary, CsvDictionaryError
from consent.adapters.csv_files import read_csv
from consent.adapters.fhir import Problem
from consent.domain.terms import Category
from tests.adapters.fhir.exports import SECRET, Taken, sorted_out

TEXT = """
[file]
delimiter = ";"
missing = ["NA"]

[person]
identifier = "mrn"
system = "https://hospital.example/mrn"
birth_date = "born"
sex = "sex"
sexes = { m = "male", w = "female" }

[date]
column = "taken"

[[column]]
name = "creatinine"
system = "http://loinc.org"
code = "2160-0"
display = "Creatinine"
category = "laboratory"
unit = "mg/dL"

[[column]]
name = "smokes"
system = "http://loinc.org"
code = "72166-2"
display = "Tobacco smoking status"
category = "social-history"
date = { fixed = 2020-01-01 }
"""
DICTIONARY = CsvDictionary.parse(TEXT)
HEAD = b"mrn;born;sex;taken;creatinine;smokes;comment\n"
ROWS = HEAD + b"17;1950-02;m;2020-05-01;1.50;never;x\n17;1950-02;m;2020-05-02;1e2;;x\n18;;;2020-05-01;NA;often;x\n"


def read(*files: bytes | Path, dictionary: CsvDictionary = DICTIONARY, processes: int = 1) -> Taken:
    return sorted_out(read_csv(files, dictionary, processes))


def test_rows_become_patients_and_observations() -> None:
    found = read(ROWS)
    assert found.problems == []
    assert [(each.person, each.category) for each in found.resources] == [
        (("https://hospital.example/mrn|17",), Category.DEMOGRAPHICS),
        (("https://hospital.example/mrn|17",), Category.LABORATORY),
        (("https://hospital.example/mrn|17",), Category.SOCIAL_HISTORY),
        (("https://hospital.example/mrn|17",), Category.LABORATORY),
        (("https://hospital.example/mrn|18",), Category.DEMOGRAPHICS),
        (("https://hospital.example/mrn|18",), Category.SOCIAL_HISTORY),
    ]
    patient, creatinine, smokes = (json.loads(each.content) for each in found.resources[:3])
    assert (patient["gender"], patient["birthDate"]) == ("male", "1950-02")
    assert creatinine["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert creatinine["effectiveDateTime"] == "2020-05-01"
    assert creatinine["code"]["coding"] == [{"system": "http://loinc.org", "code": "2160-0", "display": "Creatinine"}]
    assert (smokes["valueString"], smokes["effectiveDateTime"]) == ("never", "2020-01-01")


@pytest.mark.parametrize("written", ["1.50", "0", "-0.0", "1e2", "1E-05", "100000000000000000000.000000000000000001"])
def test_numbers_keep_the_digits_that_were_written(written: str) -> None:
    found = read(HEAD + f"17;;;2020-05-01;{written};;\n".encode())
    assert found.resources[1].content.endswith(
        f'"valueQuantity":{{"value":{written},"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"}}}}'.encode()
    )


def test_the_same_rows_give_the_same_bytes_and_names_in_any_file() -> None:
    again = read(HEAD + b"18;;;2020-05-01;NA;often;y\n", ROWS.replace(b"18;;;2020-05-01;NA;often;x\n", b""))
    assert again.problems == []
    assert {(each.name, each.content) for each in again.resources} == {
        (each.name, each.content) for each in read(ROWS).resources
    }


def test_columns_may_stand_in_any_order_behind_a_byte_order_mark_and_on_windows() -> None:
    rows = [line.split(b";") for line in ROWS.splitlines()]
    turned = b"\xef\xbb\xbf" + b"\r\n".join(b";".join(reversed(row)) for row in rows)
    assert read(turned) == read(ROWS)


def test_children_find_what_one_process_finds() -> None:
    many = HEAD + b"".join(f"{number};;;2020-05-01;{number}.0;;\n".encode() for number in range(1200))
    assert read(many, processes=2) == read(many)


BAD_CELLS = {
    "no number": (b"16;;;2020-05-01;SECRET;;", "creatinine", "no number"),
    "a decimal comma": (b"16;;;2020-05-01;1,5;;", "creatinine", "no number"),
    "a number without its zero": (b"16;;;2020-05-01;.5;;", "creatinine", "no number"),
    "a number with a sign too many": (b"16;;;2020-05-01;+5;;", "creatinine", "no number"),
    "digits of another script": ("16;;;2020-05-01;٣;;".encode(), "creatinine", "no number"),
    "more digits than anybody measures": (b"16;;;2020-05-01;" + b"1" * 41 + b";;", "creatinine", "no number"),
    "no date": (b"16;;;SECRET;1;;", "taken", "no date"),
    "a date of another order": (b"16;;;01/05/2020;1;;", "taken", "no date"),
    "a day that is none": (b"16;;;2021-02-29;1;;", "taken", "no date"),
    "a date that is missing": (b"16;;;;1;;", "taken", "no date"),
    "no birth date": (b"16;SECRET;;2020-05-01;;;", "born", "no birth date"),
    "a birth date with a time": (b"16;1950-01-01T00:00:00Z;;2020-05-01;;;", "born", "no birth date"),
    "a sex that the dictionary lacks": (b"16;;SECRET;2020-05-01;;;", "sex", "sexes"),
    "nobody": (b";;;2020-05-01;1;SECRET;", "mrn", "is empty"),
}


@pytest.mark.parametrize("name", BAD_CELLS)
def test_a_bad_cell_is_a_problem_with_row_and_column_and_costs_no_other_row(name: str) -> None:
    row, column, told = BAD_CELLS[name]
    found = read(ROWS + row.replace(b"SECRET", SECRET.encode()) + b"\n19;;;2020-05-01;1;;\n")
    assert [problem.place for problem in found.problems] == [f"file 1 of 1, row 4, column {column}"]
    assert told in found.problems[0].what
    assert SECRET not in repr(found.problems)
    assert found.resources[-1].person == ("https://hospital.example/mrn|19",)


BAD_ROWS = {
    "a cell too many": (b"17;;;2020-06-01;1;;;", "file 1 of 1, row 4", "more or fewer cells"),
    "a row again": (b"17;1950-02;m;2020-05-01;9;;", "file 1 of 1, row 4", "same person and dates"),
    "another birth date": (b"17;1951;m;2020-06-01;;;", "file 1 of 1, row 4", "differ from an earlier row"),
    "a quote without end": (b'17;"SECRET', "file 1 of 1, row 4", "no CSV from here on"),
    "another encoding": (b"17;\xff", "file 1 of 1, row", "not UTF-8"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_a_problem_with_its_number(name: str) -> None:
    row, place, told = BAD_ROWS[name]
    found = read(ROWS + row.replace(b"SECRET", SECRET.encode()))
    assert len(found.problems) == 1
    assert found.problems[0].place.startswith(place)
    assert told in found.problems[0].what
    assert SECRET not in repr(found.problems)


def test_a_column_that_is_missing_or_there_twice_is_the_files_problem() -> None:
    for content, times in ((ROWS.replace(b"taken", b"when"), 0), (ROWS.replace(b"comment", b"taken"), 2), (b"", 0)):
        found = read(content)
        assert found.resources == []
        assert f"{times} times: name it once" in found.problems[0].what


def test_a_file_that_is_not_there_is_named_by_its_number(tmp_path: Path) -> None:
    found = read(tmp_path / SECRET, ROWS)
    assert found.problems == [Problem("file 1 of 2", "the file cannot be read: see that it is there and may be read")]
    assert len(found.resources) == 6


def test_a_column_can_tell_rows_of_one_day_apart() -> None:
    dictionary = CsvDictionary.parse(TEXT.replace("[file]", '[file]\nrow = "visit"'))
    head = HEAD.replace(b"comment", b"visit")
    found = read(head + b"17;;;2020-05-01;1;;a\n17;;;2020-05-01;2;;b\n", dictionary=dictionary)
    assert found.problems == []
    assert len({each.name for each in found.resources}) == 3


@given(at=st.integers(0, len(ROWS)), put=st.binary(max_size=4), drop=st.integers(0, 4))
@settings(max_examples=200, deadline=None)
def test_bytes_that_were_changed_are_other_rows_or_problems(at: int, put: bytes, drop: int) -> None:
    found = read(ROWS[:at] + put + ROWS[at + drop :])
    assert found.resources or found.problems or at < len(HEAD) + 1


WRONG = {
    "no TOML": ("[[", "no TOML"),
    "no person": (re.sub(r"(?s)\[person\].*?\[date\]", "[date]", TEXT), "needs identifier"),
    "no columns": (TEXT.partition("[[column]]")[0], "at least one"),
    "an unknown table": (TEXT + "[more]\n", "unknown: more"),
    "an unknown field": (TEXT.replace("birth_date", "birthdate"), "unknown: birthdate"),
    "a code that is a number": (TEXT.replace('"2160-0"', "2160"), "column 1 needs code"),
    "an unknown category": (TEXT.replace('"laboratory"', '"labs"'), "category that is unknown: labs"),
    "no date": (TEXT.replace('column = "taken"', ""), "column 1 has no date"),
    "two dates": (TEXT.replace('column = "taken"', 'column = "taken"\nfixed = 2020-01-01'), "keep one of them"),
    "a fixed date that is none": (TEXT.replace("2020-01-01", '"soon"'), "fixed date that is none"),
    "a sex of another language": (TEXT.replace('"male"', '"homme"'), "one of male, female"),
    "a delimiter that is a letter": (TEXT.replace('";"', '"x"'), "delimiter"),
    "a missing mark that is a number": (TEXT.replace('["NA"]', "[9]"), "list of texts"),
    "a column twice": (TEXT.replace('"smokes"', '"creatinine"'), "twice"),
    "a system that is none": (TEXT.replace("https://hospital.example/mrn", "a|b"), "no URL"),
    "a column that is no table": ("column = [1]\n" + TEXT.partition("[[column]]")[0], "must be a table"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_dictionary_is_refused_with_what_is_wrong(name: str) -> None:
    text, told = WRONG[name]
    with pytest.raises(CsvDictionaryError, match=told):
        CsvDictionary.parse(text)
