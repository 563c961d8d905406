"""From the tables of a dictionary's file to features and an outcome; each rule that one table shows is checked here."""

import tomllib
from typing import Final

from analytics.errors import DictionaryError
from analytics.features import CATEGORIES, COUNTING, KINDS, Feature, Kind, Outcome, Reducer
from analytics.rows import are_names
from analytics.tables import Table
from analytics.units import UNITS

MOST_DOTS: Final = 200
"""In a line: reading a key takes time that grows with the square of its parts, and no key here has any."""


def toml_table(text: str) -> Table:
    """Read the whole file as one table."""
    if any(line.count(".") > MOST_DOTS for line in text.split("\n")):
        raise DictionaryError(f"dictionary: a line has more than {MOST_DOTS} dots: break it")
    try:
        return Table(tomllib.loads(text), "dictionary")
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        raise DictionaryError(f"the dictionary is not TOML: {error}") from error


def declared_outcome(table: Table) -> Outcome:
    """Read the `[outcome]` table."""
    outcome = Outcome(
        title=table.text("title"),
        category=table.chosen("category", CATEGORIES),
        system=table.text("system"),
        code=table.text("code"),
        value_system=table.text("value_system"),
        dead=table.text("dead"),
        alive=table.text("alive"),
        horizon_days=table.whole("horizon_days"),
    )
    table.close()
    if outcome.horizon_days <= 0:
        raise table.refuse("horizon_days must be at least 1: an outcome lies after the index")
    if outcome.dead == outcome.alive:
        raise table.refuse("dead and alive must be different codes")
    return outcome


def declared_feature(table: Table) -> Feature:
    """Read one `[[feature]]` or `[[comparison]]` table."""
    resource = table.chosen("resource", KINDS)
    kind = Kind(table.chosen("value", KINDS[resource]))
    patient = resource == "Patient"
    feature = Feature(
        name=table.text("name"),
        title=table.text("title"),
        category=table.chosen("category", CATEGORIES),
        resource=resource,
        kind=kind,
        reducer=Reducer(table.chosen("reducer", _reducers(kind))),
        system="" if patient else table.text("system"),
        codes=() if patient else table.texts("codes"),
        window=None if patient else _window(table),
        unit=table.chosen("unit", UNITS) if kind is Kind.QUANTITY else "",
        values=table.numbers("values") if kind is Kind.CODED else (),
        required=table.flag("required"),
    )
    table.close()
    if not are_names([feature.name]):
        raise table.refuse("a name holds none of [ ] <")
    return feature


def _reducers(kind: Kind) -> frozenset[Reducer]:
    return COUNTING if kind is Kind.PRESENT else frozenset(Reducer) - COUNTING


def _window(table: Table) -> tuple[int, int]:
    first, last = table.window("window")
    if last > 0:
        raise table.refuse("window ends after the index: a feature may use nothing that is known only later")
    if first > last:
        raise table.refuse("window ends before it starts: swap its days")
    return first, last
