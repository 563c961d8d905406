"""A cohort: who is looked at, and from which day on, as a question that has one name everywhere.

    query = CohortQuery.parse('{"version": 1, "index": {"first": {"condition": {"system": "http://snomed.info/sct",'
                              ' "codes": ["84114007"]}}}, "where": {"demographics": {"age": [18, null]}}}')
    query.english()                       # "People aged 18 or more. The index is the day of the first condition …"
    query.index_of(records, permitted)    # the person's index day; None where they are not in the cohort

The JSON form, in which windows are days relative to the index and never after it:

    {"version": 1, "index": {"day": "1994-01-12"} | {"first": LEAF} | {"last": LEAF}, "where": TREE}

    TREE   {"all": [TREE, …]}   {"any": [TREE, …]}   {"not": TREE}   {"at_least": {"n": 2, "of": [TREE, …]}}   LEAF
    LEAF   {"condition" | "medication" | "procedure": {"system": …, "codes": […], "window": [-365, 0]}}
           {"measurement": {"system": …, "codes": […], "unit": UCUM, "range": [low | null, high | null], "window": …}}
           {"demographics": {"age": [low | null, high | null]} | {"gender": ["female", …]}}

A leaf may name its `category`; an index's leaf has no window. `{"all": []}` is everybody. Members and codes that were
reordered or repeated make no other cohort: `CohortQuery.id` is the SHA-256 of the canonical JSON (RFC 8785).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import rfc8785

from analytics.cohort_english import described
from analytics.cohort_leaf import Leaf
from analytics.cohort_reading import EVERYBODY, Tree, read_query
from analytics.errors import RowsError
from analytics.fhir import MISSHAPEN, Records


@dataclass(frozen=True, slots=True)
class CohortQuery:
    """Who is in a cohort and when their index is; `where` looks at nothing that is dated after it.

    Attributes:
        day: the index of everybody; None where an event decides.
        event: what happened at the index; None where the day is fixed.
        last: whether the last such event counts instead of the first.
        where: what must hold at the index.
    """

    day: date | None
    event: Leaf | None
    last: bool
    where: Tree

    @classmethod
    def parse(cls, text: str) -> "CohortQuery":
        """Read a query from JSON; raise `CohortError` with the place that breaks a rule."""
        return cls(*read_query(text))

    @classmethod
    def everyone(cls, day: date) -> "CohortQuery":
        """Return the cohort of everybody, all of whom have their index on one day."""
        return cls(day, None, last=False, where=EVERYBODY)

    @property
    def id(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Every condition that the query names, its event among them."""
        return (*_leaves(self.where), *([self.event] if self.event else []))

    @property
    def categories(self) -> frozenset[str]:
        """The kinds of record that tell whether somebody belongs."""
        return frozenset(leaf.category for leaf in self.leaves)

    def to_json(self) -> dict[str, Any]:
        """Return the query as JSON values, in canonical order."""
        if self.day is not None:
            index: dict[str, Any] = {"day": self.day.isoformat()}
        else:
            index = {"last" if self.last else "first": self.event.to_json() if self.event else {}}
        return {"version": 1, "index": index, "where": self.where.to_json()}

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        return rfc8785.dumps(self.to_json())

    def english(self) -> str:
        """Return the query in plain sentences."""
        return described(self.day, self.event, self.where, last=self.last)

    def index_of(self, records: Records, permitted: frozenset[str]) -> date | None:
        """Return the person's index day, or None: not in the cohort, or a category that it needs is not permitted.

        Raises `RowsError` when a resource is not FHIR R4.
        """
        if not self.categories <= permitted:
            return None
        try:
            index = self._index(records)
            return index if index is not None and _holds(self.where, records, index) else None
        except MISSHAPEN as error:
            raise RowsError("a resource is not FHIR R4: import this person's records again") from error

    def _index(self, records: Records) -> date | None:
        if self.event is None:
            return self.day
        days = list(self.event.days(records.get(self.event.category, ())))
        if not days:
            return None
        return max(days) if self.last else min(days)


def _holds(tree: Tree, records: Records, index: date) -> bool:
    """Say whether the tree holds for one person on their index day."""
    if isinstance(tree, Leaf):
        return tree.holds(records.get(tree.category, ()), index)
    found = sum(_holds(member, records, index) for member in tree.members)
    return not found if tree.negated else found >= tree.least


def _leaves(tree: Tree) -> Iterator[Leaf]:
    if isinstance(tree, Leaf):
        yield tree
    else:
        for member in tree.members:
            yield from _leaves(member)
