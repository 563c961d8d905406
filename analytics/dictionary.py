"""The dictionary: a fixed, public TOML file that says how FHIR R4 resources become features and a label.

    name = "support2"                      # of the dictionary
    version = "1"
    index = 1994-01-12                     # the index of everybody; left out where a cohort has one for each person

    [outcome]
    title = "Death within 180 days"
    category = "outcomes"
    system = "http://loinc.org"
    code = "67162-8"                       # Observations of vital status
    value_system = "http://snomed.info/sct"
    dead = "419099009"
    alive = "438949009"
    horizon_days = 180

    [[feature]]
    name = "creatinine"
    title = "Creatinine"
    category = "laboratory"
    resource = "Observation"               # see `analytics.features.KINDS`
    system = "http://loinc.org"
    codes = ["2160-0"]
    value = "quantity"                     # see `analytics.features.Kind`
    unit = "mg/dL"                         # UCUM, quantities only
    reducer = "last"                       # last, first, mean, min, max; count and any where the value is "present"
    window = [-7, 0]                       # days relative to the index
    required = false                       # true: without this category the model is pointless

`[[comparison]]` tables have the same columns; their values stand beside the model in its evaluation and never reach it.
A Patient has no system, codes or window. Anything else raises `DictionaryError`. Nothing is learned from data.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from analytics.declarations import declared_feature, declared_outcome, toml_table
from analytics.errors import DictionaryError, RowsError
from analytics.features import Feature, Outcome, Reading
from analytics.fhir import MISSHAPEN, Records, Resource, codings, concept_of
from analytics.rows import Row

_Selector = tuple[str, str | None, str | None]
"""Resource type, code system and code."""


@dataclass(frozen=True, slots=True)
class Dictionary:
    """How one person's records become a row.

    Attributes:
        name: of the dictionary.
        version: of the dictionary.
        index: the day of the index, the same for everybody; None where only a cohort says it. Nothing after the index
            becomes a feature.
        features: the columns, in the order in which a row holds them.
        outcome: what is forecast.
        comparisons: forecasts by others that stand beside the model in its evaluation.
        text: the file.
        hash: SHA-256 of the file's bytes, 64 hex digits.
    """

    name: str
    version: str
    index: date | None
    features: tuple[Feature, ...]
    outcome: Outcome
    comparisons: tuple[Feature, ...]
    text: str = field(repr=False)
    hash: str
    _places: Mapping[str, Mapping[_Selector, tuple[int, ...]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", _places(self.features + self.comparisons))

    @classmethod
    def parse(cls, text: str) -> "Dictionary":
        """Read a dictionary from TOML; raise `DictionaryError` with the table and the key that break a rule."""
        table = toml_table(text)
        dictionary = cls(
            name=table.text("name"),
            version=table.text("version"),
            index=table.day("index") if table.has("index") else None,
            outcome=declared_outcome(table.table("outcome")),
            features=tuple(map(declared_feature, table.tables("feature"))),
            comparisons=tuple(map(declared_feature, table.tables("comparison"))),
            text=text,
            hash=hashlib.sha256(text.encode()).hexdigest(),
        )
        table.close()
        _require_sound(dictionary)
        return dictionary

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def titles(self) -> dict[str, str]:
        """The features' titles, by name."""
        return {feature.name: feature.title for feature in self.features}

    @property
    def required(self) -> frozenset[str]:
        """The categories without which there is no row."""
        return frozenset({self.outcome.category} | {feature.category for feature in self.features if feature.required})

    @property
    def optional(self) -> frozenset[str]:
        """The categories that are used where permitted."""
        return frozenset(feature.category for feature in self.features + self.comparisons) - self.required

    def row(self, records: Records, permitted: frozenset[str], index: date | None = None) -> Row | None:
        """Return one person's row, or None when the outcome is not known or not permitted.

        `index` is the person's own index day, from a cohort; without one it is the dictionary's, and where that has
        none either this raises `DictionaryError`.

        Features of a category outside `permitted` are missing, whatever `records` holds. Within a permitted category
        a condition that does not occur counts 0; a measurement that does not occur, or comes in a unit without
        conversion, is missing. Undated resources are not used. Raises `RowsError` when a resource is not FHIR R4.
        """
        try:
            return self._row({category: records.get(category, ()) for category in permitted}, self.day(index))
        except MISSHAPEN as error:
            raise RowsError("a resource is not FHIR R4: import this person's records again") from error

    def features_of(
        self, records: Records, permitted: frozenset[str], index: date | None = None
    ) -> tuple[float, ...]:  # fmt: skip
        """Return one person's features as `row` would have them, without looking at the outcome; raise as it does."""
        index, categories = self.day(index), permitted & {feature.category for feature in self.features}
        try:
            values = self._values({category: records.get(category, ()) for category in categories}, index)
        except MISSHAPEN as error:
            raise RowsError("a resource is not FHIR R4: import this person's records again") from error
        return values[: len(self.features)]

    def day(self, index: date | None = None) -> date:
        """Return a person's own index day, else the dictionary's; raise `DictionaryError` where there is neither."""
        if index is None and self.index is None:
            raise DictionaryError("the dictionary has no index: train on a cohort, whose index is each person's own")
        return index or self.index or date.min

    def _row(self, permitted: Records, index: date) -> Row | None:
        label = self.outcome.label(permitted.get(self.outcome.category, ()), index)
        if label is None:
            return None
        values, width = self._values(permitted, index), len(self.features)
        return Row(values[:width], label, values[width:])

    def _values(self, permitted: Records, index: date) -> tuple[float, ...]:
        """Return what the permitted resources say for each feature and comparison, NaN for other categories."""
        columns = self.features + self.comparisons
        found = self._readings(columns, permitted, index)
        return tuple(
            column.reduce(readings) if column.category in permitted else math.nan
            for column, readings in zip(columns, found, strict=True)
        )

    def _readings(self, columns: Sequence[Feature], permitted: Records, index: date) -> list[list[Reading]]:
        """Return for each column what the permitted resources say."""
        found: list[list[Reading]] = [[] for _ in columns]
        for category, selected in self._places.items():
            for resource in permitted.get(category, ()):
                for place in _selected(resource, selected):
                    reading = columns[place].read(resource, index)
                    if reading is not None:
                        found[place].append(reading)
        return found


def _places(columns: Sequence[Feature]) -> dict[str, dict[_Selector, tuple[int, ...]]]:
    """Index the columns' places by category and by what selects them, so that a resource costs one look-up."""
    places: dict[str, dict[_Selector, tuple[int, ...]]] = {}
    for place, column in enumerate(columns):
        of_category = places.setdefault(column.category, {})
        for code in column.codes or (None,):
            selector = (column.resource, column.system or None, code)
            of_category[selector] = (*of_category.get(selector, ()), place)
    return places


def _selected(resource: Resource, places: Mapping[_Selector, tuple[int, ...]]) -> set[int]:
    """Return the places that a resource is selected for: once each, however many of its codings match."""
    kind = resource["resourceType"]
    if kind == "Patient":
        return set(places.get((kind, None, None), ()))
    return {place for coding in codings(concept_of(resource)) for place in places.get((kind, *coding), ())}


def _require_sound(dictionary: Dictionary) -> None:
    """Refuse what no single table shows: names taken twice, and an outcome that is its own feature."""
    columns = dictionary.features + dictionary.comparisons
    names = [column.name for column in columns]
    if not dictionary.features:
        raise DictionaryError("dictionary: there is no [[feature]]")
    for name in names:
        if names.count(name) > 1:
            raise DictionaryError(f"feature {name!r}: the name is taken twice")
    outcome = dictionary.outcome
    telling = {(outcome.system, outcome.code)}
    telling |= {(outcome.value_system, code) for code in (outcome.dead, outcome.alive)}
    for column in columns:
        if telling & {(column.system, code) for code in column.codes}:
            raise DictionaryError(f"feature {column.name!r}: the outcome's own code cannot be a feature")
