"""The rows of all 9,105 people of SUPPORT2, without the importer's checks, which have tests of their own."""

import json
from functools import cache
from typing import Any

from analytics import Dictionary, Row
from consent.adapters.fhir.categories import category
from examples import support2


@cache
def dictionary() -> Dictionary:
    return Dictionary.parse(support2.dictionary_text())


@cache
def support2_rows() -> tuple[Row, ...]:
    return tuple(map(_row, support2.bundles()))


def _row(bundle: bytes) -> Row:
    records: dict[str, list[dict[str, Any]]] = {}
    for entry in json.loads(bundle)["entry"]:
        if kind := category(entry["resource"]):
            records.setdefault(kind.value, []).append(entry["resource"])
    row = dictionary().row(records, dictionary().required | dictionary().optional)
    assert row is not None
    return row
