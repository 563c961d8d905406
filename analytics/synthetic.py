r"""Invented people in any number, so that a study can be written before anybody was counted or asked.

    for bundle in invented(dictionary, query, people=1000, seed=1):
        file.write(json.dumps(bundle) + "\n")

Each person is a FHIR R4 collection Bundle that holds what the dictionary reads, marked as test data. Who is invented
comes from the dictionary, the query and the seed alone: no record was ever looked at, so there is nobody to find in
them, and nothing to learn from them about real people.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import exp, inf, sqrt
from random import Random
from typing import Any, Final

from analytics.cohort import CohortQuery
from analytics.cohort_leaf import ABOUT_PEOPLE, Leaf
from analytics.cohort_leaf import Kind as Asked
from analytics.cohort_reading import Tree
from analytics.dictionary import Dictionary
from analytics.features import Feature, Kind, Outcome
from analytics.synthetic_resources import Person, concept, quantity, require_home
from analytics.synthetic_values import between, measured

BELONG: Final = 0.9
"""The share of people for whom the query's tree is made to hold, where it can be; the others are as they come."""

MISSING: Final = 0.15
"""The share of people without a measurement that the dictionary does not require."""

UNKNOWN_OUTCOME: Final = 0.02

_PREVALENCE: Final = 0.3
_EARLIEST, _DAYS = date(2012, 1, 1), 3650
"""Where an event decides on the index day: somewhere in these days."""
_YEAR: Final = 365.25
_AGE, _AGE_SPREAD = 62.0, 15.0
_FORECASTS: Final = frozenset({Kind.PROBABILITY, Kind.OPPOSITE})
_TYPES: Final[Mapping[Asked, str]] = {
    Asked.CONDITION: "Condition",
    Asked.MEDICATION: "MedicationRequest",
    Asked.PROCEDURE: "Procedure",
    Asked.MEASUREMENT: "Observation",
    Asked.AGE: "Patient",
    Asked.GENDER: "Patient",
}


def invented(dictionary: Dictionary, query: CohortQuery, people: int, seed: int) -> Iterator[dict[str, Any]]:
    """Return an iterator over the Bundles of invented people, always the same for the same arguments.

    Person n is the same however many are asked for. Everybody has the query's index, as far as its parts do not
    contradict each other; every feature occurs, measurements are missing now and then, and the outcome depends on the
    features. Raises `DictionaryError` when a resource would have to be of a category that it is never kept as.
    """
    for feature in dictionary.features + dictionary.comparisons:
        require_home(feature.resource, feature.category)
    require_home("Observation", dictionary.outcome.category)
    for leaf in query.leaves:
        require_home(_TYPES[leaf.kind], leaf.category)
    weights = {feature.name: _weight(seed, feature) for feature in dictionary.features}
    return (_Life.lived(dictionary, query, seed, number, weights).bundle() for number in range(people))


def _weight(seed: int, feature: Feature) -> float:
    """Return how much a feature tells of the outcome, with its sign."""
    chance = Random(f"{seed} {feature.name}")
    return chance.choice((-1, 1)) * chance.uniform(0.6, 1.4)


@dataclass(slots=True)
class _Life:
    """One person being invented; `risk` is the log odds of the outcome, as far as features were added to it."""

    chance: Random
    person: Person
    index: date
    event: Leaf | None
    born: date = date.min
    gender: str = ""
    risk: float = field(default=0.0)

    @classmethod
    def lived(
        cls, dictionary: Dictionary, query: CohortQuery, seed: int, number: int, weights: Mapping[str, float]
    ) -> Person:
        """Invent person `number` and return what was written down of them."""
        chance = Random(f"{seed} {number}")
        index = query.day or _EARLIEST + timedelta(days=chance.randrange(_DAYS))
        life = cls(chance, Person(f"invented-{seed}-{number}"), index, query.event)
        wanted = _wanted(query.where, chance) if chance.random() < BELONG else []
        life.be_born(wanted)
        for leaf in [*([query.event] if query.event else []), *wanted]:
            life.show(leaf)
        life.live(dictionary.features, weights)
        life.be_judged([*dictionary.features, *dictionary.comparisons])
        life.end(dictionary.outcome)
        return life.person

    def be_born(self, wanted: list[Leaf]) -> None:
        """Choose age and gender, as the query wants them."""
        ages = [leaf.bounds or (None, None) for leaf in wanted if leaf.kind is Asked.AGE]
        low = max([0.0 if low is None else low for low, _ in ages], default=18.0)
        high = max(low, min([inf if high is None else high for _, high in ages], default=98.0))
        years = self.chance.gauss(_AGE, _AGE_SPREAD)
        if not low < years < high:
            years = self.chance.uniform(low, min(high, low + 40))
        genders = [leaf.codes for leaf in wanted if leaf.kind is Asked.GENDER]
        self.gender = self.chance.choice(genders[0] if genders else ("female", "male"))
        self.born = self.index - timedelta(days=_days_of(years, low))
        self.person.be(self.gender, self.born)

    def show(self, leaf: Leaf) -> None:
        """Write down what makes a leaf of the query hold; the event on the index day."""
        if leaf.kind in ABOUT_PEOPLE:
            return
        day = self.index if leaf is self.event else self._day(leaf.window or (-365, 0), leaf.system, leaf.codes)
        more = {}
        if leaf.kind is Asked.MEASUREMENT:
            more = quantity(round(between(leaf.bounds or (None, None), self.chance.random()), 6), leaf.unit)
        if day is not None:
            code = (leaf.system, self.chance.choice(leaf.codes))
            self.person.add(_TYPES[leaf.kind], leaf.category, code, day, **more)

    def live(self, features: tuple[Feature, ...], weights: Mapping[str, float]) -> None:
        """Write down what the features read, and add up what they tell of the outcome."""
        told = [weights[feature.name] * self._show_feature(feature) for feature in features]
        self.risk = 2.0 * sum(told) / sqrt(len(told)) - 0.4

    def be_judged(self, features: list[Feature]) -> None:
        """Write down others' forecasts: of the true risk, with an error."""
        for feature in features:
            if feature.kind in _FORECASTS and not self._misses(feature):
                likely = round(_share(self.risk + self.chance.gauss(0, 0.8)), 2)
                given = likely if feature.kind is Kind.PROBABILITY else round(1 - likely, 2)
                self._write(feature, prediction=[{"probabilityDecimal": given}])

    def end(self, outcome: Outcome) -> None:
        """Write down whether the person lived; of a few nobody knows."""
        if self.chance.random() < UNKNOWN_OUTCOME:
            return
        dead = self.chance.random() < _share(self.risk)
        after = self.chance.randint(0, outcome.horizon_days) + (0 if dead else outcome.horizon_days)
        status = concept(outcome.value_system, outcome.dead if dead else outcome.alive)
        day, code = self.index + timedelta(days=after), (outcome.system, outcome.code)
        self.person.add("Observation", outcome.category, code, day, valueCodeableConcept=status)

    def _show_feature(self, feature: Feature) -> float:
        """Write down what one feature reads; return by how many spreads the person is above the middle."""
        if feature.resource == "Patient":
            return self._who(feature)
        if feature.kind is Kind.PRESENT:
            return self._occurrence(feature)
        if feature.kind in _FORECASTS or self._misses(feature):
            return 0.0
        return self._coded(feature) if feature.kind is Kind.CODED else self._measurement(feature)

    def _who(self, feature: Feature) -> float:
        if feature.kind is Kind.AGE:
            return ((self.index - self.born).days / _YEAR - _AGE) / _AGE_SPREAD
        numbers = dict(feature.values)
        middle = sum(numbers.values()) / len(numbers)
        return float(numbers.get(self.gender, middle) > middle) - 0.5

    def _occurrence(self, feature: Feature) -> float:
        occurs = self.chance.random() < _PREVALENCE
        for _ in range(self.chance.choice((1, 1, 2)) if occurs else 0):
            self._write(feature)
        return float(occurs) - _PREVALENCE

    def _measurement(self, feature: Feature) -> float:
        deviation = self.chance.gauss(0, 1)
        for _ in range(self.chance.choice((1, 1, 2))):
            value = measured(feature.codes[0], feature.unit, deviation + self.chance.gauss(0, 0.1))
            self._write(feature, **quantity(value, feature.unit))
        return deviation

    def _coded(self, feature: Feature) -> float:
        place = self.chance.randrange(len(feature.values))
        self._write(feature, valueCodeableConcept=concept(feature.system, feature.values[place][0]))
        return 2 * place / max(1, len(feature.values) - 1) - 1

    def _write(self, feature: Feature, **more: object) -> None:
        day = self._day(feature.window or (0, 0), feature.system, feature.codes)
        if day is not None:
            # The first code of a quantity is the one whose conversions the unit belongs to.
            code = feature.codes[0] if feature.kind is Kind.QUANTITY else self.chance.choice(feature.codes)
            self.person.add(feature.resource, feature.category, (feature.system, code), day, **more)

    def _day(self, window: tuple[int, int], system: str, codes: tuple[str, ...]) -> date | None:
        """Return a day of the window; of what could itself be the event the index day only, or None outside of it."""
        first, last = window
        if self.event and system == self.event.system and not set(codes).isdisjoint(self.event.codes):
            return self.index if last == 0 else None
        days = self.chance.randint(max(first, last - 10 * 365), last)
        return max(self.born, self.index + timedelta(days=days))

    def _misses(self, feature: Feature) -> bool:
        return not feature.required and self.chance.random() < MISSING


def _wanted(tree: Tree, chance: Random) -> list[Leaf]:
    """Return leaves that make the tree hold when they do, and nothing else does: those under a `not` are not wanted."""
    if isinstance(tree, Leaf):
        return [tree]
    if tree.negated:
        return []
    return [leaf for member in chance.sample(tree.members, tree.least) for leaf in _wanted(member, chance)]


def _days_of(years: float, low: float) -> int:
    """Return an age in days, rounded so that it is not below `low` years."""
    return max(round(years * _YEAR), int(low * _YEAR) + 1)


def _share(log_odds: float) -> float:
    return 1 / (1 + exp(-log_odds))
