"""From a query's JSON to a tree that is sound and in canonical order; each refusal names its place and no input."""

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import rfc8785

from analytics.cohort_leaf import ABOUT_PEOPLE, CATEGORY, Bounds, Kind, Leaf
from analytics.errors import CohortError
from analytics.features import CATEGORIES
from analytics.units import UNITS

DEEPEST: Final = 8
MOST_LEAVES: Final = 200
MOST_CODES: Final = 500
LONGEST_TEXT: Final = 200
LARGEST_DOCUMENT: Final = 1_000_000
_FARTHEST_DAY: Final = -200 * 366
_LARGEST: Final = 1e15
GENDERS: Final = frozenset({"male", "female", "other", "unknown"})
"""FHIR's administrative genders."""
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Node:
    """Members of which at least `least` hold, or, `negated`, none does; `word` is how it was written."""

    word: str
    members: tuple["Tree", ...]
    least: int
    negated: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the node as JSON values."""
        members = [member.to_json() for member in self.members]
        if self.word == "at_least":
            return {"at_least": {"n": self.least, "of": members}}
        return {self.word: members[0] if self.negated else members}


Tree = Node | Leaf
EVERYBODY: Final = Node("all", (), 0)
"""A tree that holds of everybody."""


def read_query(text: str) -> tuple[date | None, Leaf | None, bool, Tree]:
    """Return the index's day or event, whether the last event counts, and the tree; raise `CohortError`."""
    if len(text) > LARGEST_DOCUMENT:
        raise CohortError("the query is longer than a megabyte: shorten it")
    try:
        value = json.loads(text, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError):  # whose message and cause hold some of the text
        raise CohortError("the query is not JSON with each key once: correct it") from None
    query = _Place(value, "the query")
    query.keys({"version", "index", "where"})
    if query.value["version"] != 1 or isinstance(query.value["version"], bool):
        raise query.at("version").refuse("must be 1")
    day, event, last = _index(query.at("index"))
    tree, leaves = _tree(query.at("where"), 1)
    if leaves > MOST_LEAVES:
        raise query.at("where").refuse(f"has more than {MOST_LEAVES} leaves")
    return day, event, last, tree


@dataclass(frozen=True, slots=True)
class _Place:
    """A value, and where in the query it stands."""

    value: Any
    name: str

    def at(self, key: str | int) -> "_Place":
        """Return a member; its name is one of ours, or a number."""
        if isinstance(key, int):
            return _Place(self.value[key], f"{self.name}[{key}]")
        return _Place(self.value[key], key if self.name == "the query" else f"{self.name}.{key}")

    def refuse(self, rule: str) -> CohortError:
        """Return the error that names this place."""
        return CohortError(f"{self.name} {rule}")

    def keys(self, needed: set[str], allowed: AbstractSet[str] = frozenset()) -> None:
        """Require an object with these keys."""
        if not isinstance(self.value, dict) or not needed <= set(self.value) <= needed | allowed:
            names = ", ".join(sorted(needed)) + (f" and perhaps {', '.join(sorted(allowed))}" if allowed else "")
            raise self.refuse(f"must be an object with {names} and nothing else")

    def only_key(self, known: Mapping[str, object]) -> str:
        """Require an object with exactly one key, one of those known."""
        if not isinstance(self.value, dict) or len(self.value) != 1 or not set(self.value) <= set(known):
            raise self.refuse(f"must be an object with exactly one of {', '.join(known)}")
        return str(next(iter(self.value)))

    def texts(self, most: int) -> tuple[str, ...]:
        """Require texts, and return them sorted, each once."""
        if not isinstance(self.value, list) or not 0 < len(self.value) <= most:
            raise self.refuse(f"must be a list of 1 to {most} texts")
        return tuple(sorted({self.at(place).text() for place in range(len(self.value))}))

    def text(self) -> str:
        """Require one text."""
        if not isinstance(self.value, str) or not 0 < len(self.value) <= LONGEST_TEXT or not self.value.isprintable():
            raise self.refuse(f"must be a text of 1 to {LONGEST_TEXT} printable characters")
        return str(self.value)

    def chosen(self, choices: frozenset[str]) -> str:
        """Require one of these texts."""
        if not isinstance(self.value, str) or self.value not in choices:
            raise self.refuse(f"must be one of {', '.join(sorted(choices))}")
        return str(self.value)

    def day(self) -> date:
        """Require a day."""
        try:
            day = date.fromisoformat(self.value)
        except (TypeError, ValueError) as error:
            raise self.refuse("must be a day such as 1994-01-12") from error
        if day.isoformat() != self.value:
            raise self.refuse("must be a day such as 1994-01-12")
        return day

    def window(self) -> tuple[int, int]:
        """Require two days relative to the index."""
        whole = isinstance(self.value, list) and len(self.value) == _PAIR and all(type(d) is int for d in self.value)
        if not whole or not _FARTHEST_DAY <= self.value[0] <= self.value[1] <= 0:
            raise self.refuse("must be two whole numbers of days, the first not after the last, the last not after 0")
        return self.value[0], self.value[1]

    def bounds(self) -> Bounds:
        """Require a lowest and a highest number."""
        if not isinstance(self.value, list) or len(self.value) != _PAIR or not all(map(_is_bound, self.value)):
            raise self.refuse("must be two numbers, either of which may be null")
        low, high = (None if bound is None else float(bound) for bound in self.value)
        if low is not None and high is not None and low > high:
            raise self.refuse("begins above its end: swap its numbers")
        return low, high


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with a key twice: whoever reads the text may see the other one."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _index(place: _Place) -> tuple[date | None, Leaf | None, bool]:
    word = place.only_key({"day": 0, "first": 0, "last": 0})
    if word == "day":
        return place.at("day").day(), None, False
    event = _leaf(place.at(word))
    if event.kind in ABOUT_PEOPLE or event.window is not None:
        raise place.at(word).refuse("must be a condition, medication, procedure or measurement, without a window")
    return None, event, word == "last"


def _tree(place: _Place, depth: int) -> tuple[Tree, int]:
    """Return a tree in canonical order and how many leaves it has."""
    if depth > DEEPEST:
        raise place.refuse(f"is nested more than {DEEPEST} deep")
    word = place.only_key(dict.fromkeys(("all", "any", "not", "at_least", *_LEAVES)))
    if word in _LEAVES:
        return _leaf(place), 1
    inner = place.at(word)
    if word == "not":
        member, leaves = _tree(inner, depth + 1)
        return Node("not", (member,), 1, negated=True), leaves
    if word == "at_least":
        return _at_least(inner, depth)
    members, leaves = _members(inner, depth)
    if word == "any" and not members:
        raise inner.refuse("must have a member: nobody is in any of nothing")
    return Node(word, members, len(members) if word == "all" else 1), leaves


def _at_least(place: _Place, depth: int) -> tuple[Tree, int]:
    place.keys({"n", "of"})
    members, leaves = _members(place.at("of"), depth)
    n = place.value["n"]
    if len(members) != len(place.value["of"]):
        raise place.at("of").refuse("must not name a member twice")
    if type(n) is not int or not 1 <= n <= len(members):
        raise place.at("n").refuse("must be a whole number from 1 to the number of members")
    return Node("at_least", members, n), leaves


def _members(place: _Place, depth: int) -> tuple[tuple[Tree, ...], int]:
    """Return members once each, in the order of their canonical JSON."""
    if not isinstance(place.value, list) or len(place.value) > MOST_LEAVES:
        raise place.refuse(f"must be a list of at most {MOST_LEAVES} members")
    read = [_tree(place.at(number), depth + 1) for number in range(len(place.value))]
    by_form = {rfc8785.dumps(member.to_json()): member for member, _ in read}
    return tuple(by_form[form] for form in sorted(by_form)), sum(leaves for _, leaves in read)


def _leaf(place: _Place) -> Leaf:
    word = place.only_key(_LEAVES)
    return _LEAVES[word](place.at(word), word)


def _coded(place: _Place, word: str) -> Leaf:
    place.keys({"system", "codes"}, {"window", "category"})
    kind = Kind(word)
    return Leaf(kind, _category(place, kind), *_codes(place), _window(place))


def _measurement(place: _Place, _word: str) -> Leaf:
    place.keys({"system", "codes", "unit", "range"}, {"window", "category"})
    unit, bounds = place.at("unit").chosen(UNITS), place.at("range").bounds()
    return Leaf(
        Kind.MEASUREMENT, _category(place, Kind.MEASUREMENT), *_codes(place), _window(place), unit=unit, bounds=bounds
    )


def _demographics(place: _Place, _word: str) -> Leaf:
    if isinstance(place.value, dict) and "age" in place.value:
        place.keys({"age"}, {"category"})
        return Leaf(Kind.AGE, _category(place, Kind.AGE), bounds=place.at("age").bounds())
    place.keys({"gender"}, {"category"})
    genders = place.at("gender").texts(len(GENDERS))
    if not set(genders) <= GENDERS:
        raise place.at("gender").refuse(f"must be some of {', '.join(sorted(GENDERS))}")
    return Leaf(Kind.GENDER, _category(place, Kind.GENDER), codes=genders)


def _codes(place: _Place) -> tuple[str, tuple[str, ...]]:
    return place.at("system").text(), place.at("codes").texts(MOST_CODES)


def _window(place: _Place) -> tuple[int, int] | None:
    return place.at("window").window() if "window" in place.value else None


def _category(place: _Place, kind: Kind) -> str:
    return place.at("category").chosen(CATEGORIES) if "category" in place.value else CATEGORY[kind]


def _is_bound(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST  # NaN is not either


_LEAVES: Final[Mapping[str, Callable[[_Place, str], Leaf]]] = {
    "condition": _coded,
    "medication": _coded,
    "procedure": _coded,
    "measurement": _measurement,
    "demographics": _demographics,
}
