"""`docs/ingest.md` says what the code does."""

import re
from pathlib import Path

from consent.adapters.csv_dictionary import CsvDictionary
from consent.adapters.fhir.categories import (
    CATEGORY_BY_CODE,
    CATEGORY_BY_SERVICE,
    CATEGORY_BY_TYPE,
    SENSITIVE_FIRST,
)

DOCUMENT = (Path(__file__).parents[3] / "docs" / "ingest.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[tuple[str, set[str]]]:
    """The category and the words of each row of the table that starts with this heading."""
    table = DOCUMENT.partition(heading)[2].partition("\n\n")[0]
    return [
        (category, set(re.findall(r"[\w-]+", rest))) for category, rest in re.findall(r"\| `([\w-]+)` \|(.*)", table)
    ]


def test_the_table_of_types_is_the_codes() -> None:
    written = {kind: category for category, kinds in rows("| category | types |") for kind in kinds}
    assert written == CATEGORY_BY_TYPE


def test_the_table_of_codes_is_the_codes_in_its_order() -> None:
    table = rows("| category | observation-category")
    written = {code: category for category, codes in table for code in codes - {"of", "our", "own"}}
    assert written == CATEGORY_BY_CODE | CATEGORY_BY_SERVICE
    order = [category for category, _ in table]
    assert order == [category for category in SENSITIVE_FIRST if category in order]


def test_the_example_dictionary_is_one() -> None:
    example = DOCUMENT.partition("```toml\n")[2].partition("```")[0]
    dictionary = CsvDictionary.parse(example)
    assert [column.name for column in dictionary.columns] == ["creatinine", "smokes"]
    assert dictionary.row is None, "few tables have such a column, and without it the file would be refused"
