"""Many people's resources as arrays in memory, to say who is in a cohort for one query after another.

    table = CohortTable.built(people, permitted)      # people: pairs of a name and its Records; each is read once
    table.members(query)                              # of each person, in the order of table.names
    table = table.kept(mask)                          # the table that never had the others

`members` says of everybody what `CohortQuery.index_of` says, and fails where that fails: when it meets a resource that
is not FHIR R4, and only for the queries that meet it.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.cohort import CohortQuery
from analytics.cohort_columns import (
    GENDER,
    MONTH,
    NEVER,
    UNREADABLE,
    YEAR,
    Columns,
    Events,
    Integers,
    Mask,
    Patients,
    Unit,
)
from analytics.cohort_leaf import ABOUT_PEOPLE, Bounds, Kind, Leaf
from analytics.cohort_reading import Tree
from analytics.errors import RowsError
from analytics.fhir import MISSHAPEN, Records, Resource
from analytics.units import conversion

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
_LATEST: Final = np.iinfo(np.int32).max
_EPOCH: Final = date(1970, 1, 1).toordinal()
"""Where NumPy's days begin."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CohortTable:
    """What cohorts can ask about some people; it can be printed without telling anything.

    Attributes:
        names: who they are, in the order of all masks.
        permitted: the categories that were read.
    """

    names: tuple[str, ...]
    permitted: frozenset[str]
    _events: Mapping[tuple[str, Kind], Events]
    _patients: Mapping[str, Patients]

    @classmethod
    def built(cls, people: Iterable[tuple[str, Records]], permitted: frozenset[str]) -> "CohortTable":
        """Read people one after the other, of each only what is permitted."""
        names: list[str] = []
        columns = {category: Columns() for category in sorted(permitted)}
        for name, records in people:
            for category, column in columns.items():
                for resource in _resources(records, category):
                    column.add(len(names), resource)
            names.append(name)
        events = {(category, kind): e for category, column in columns.items() for kind, e in column.events().items()}
        patients = {category: column.patients() for category, column in columns.items()}
        return cls(tuple(names), permitted, events, patients)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays and of the names."""
        arrays = [array for events in self._events.values() for array in events.arrays]
        arrays += [array for patients in self._patients.values() for array in patients.arrays]
        return sum(array.nbytes for array in arrays) + sys.getsizeof(self.names) + sum(map(sys.getsizeof, self.names))

    def kept(self, mask: Mask) -> "CohortTable":
        """Return the table that never had those whom the mask leaves out; drop this one, and they are gone."""
        if mask.dtype != np.bool_ or mask.shape != (len(self.names),):
            raise ValueError("a mask has a truth value for each person of the table")
        if mask.all():
            return self
        names = tuple(name for name, kept in zip(self.names, mask.tolist(), strict=True) if kept)
        events = {key: events.kept(mask) for key, events in self._events.items()}
        patients = {category: patients.kept(mask) for category, patients in self._patients.items()}
        return CohortTable(names, self.permitted, events, patients)

    def readable(self) -> Mask:
        """Say of each person whether all of their resources can be read: of a table of those, no query fails.

        Whether a query fails tells of one person, without noise, what it would have found.
        """
        found = np.ones(len(self.names), np.bool_)
        for events in self._events.values():
            found[events.person[events.day == UNREADABLE]] = False
        for patients in self._patients.values():
            found[patients.person[(patients.born == UNREADABLE) | (patients.gender == UNREADABLE)]] = False
        return found

    def members(self, query: CohortQuery) -> Mask:
        """Say of each person whether they are in the cohort, nobody where a category that it needs is not permitted.

        Raises `RowsError` when a resource that the query meets is not FHIR R4.
        """
        if not query.categories <= self.permitted:
            return np.zeros(len(self.names), np.bool_)
        index = self._index(query)
        members: Mask = (index != NEVER) & self._holds(query.where, index)
        return members

    def _index(self, query: CohortQuery) -> Integers:
        """Return each person's index day, or `NEVER`."""
        index = np.full(len(self.names), query.day.toordinal() if query.day else NEVER, np.int32)
        if query.event is None:
            return index
        events, rows = self._asked_for(query.event)
        person, day = events.person[rows], events.day[rows]
        if (day == UNREADABLE).any():
            raise _misshapen()
        if query.last:
            np.maximum.at(index, person, day)
            return index
        index[person] = _LATEST
        np.minimum.at(index, person, day)
        return index

    def _holds(self, tree: Tree, index: Integers) -> Mask:
        """Say of each person whether the tree holds on their index day."""
        if isinstance(tree, Leaf):
            return self._of_person(tree, index) if tree.kind in ABOUT_PEOPLE else self._happened(tree, index)
        found = np.zeros(len(index), np.int32)
        for member in tree.members:
            found += self._holds(member, index)
        return found == 0 if tree.negated else found >= tree.least

    def _happened(self, leaf: Leaf, index: Integers) -> Mask:
        events, rows = self._asked_for(leaf)
        person, day = events.person[rows], events.day[rows]
        first, last = leaf.window or (None, 0)
        distance = day - index[person]
        inside = distance <= last
        if first is not None:
            inside &= distance >= first
        return _anyone(person, events.place[rows], inside, day == UNREADABLE, index)

    def _of_person(self, leaf: Leaf, index: Integers) -> Mask:
        said = self._patients[leaf.category]
        place = np.arange(len(said.person), dtype=np.int32)
        if leaf.kind is Kind.AGE:
            inside = _aged(said.born, _calendar(index)[said.person], leaf.bounds)
            return _anyone(said.person, place, inside, said.born == UNREADABLE, index)
        inside = np.isin(said.gender, [GENDER[name] for name in leaf.codes])
        return _anyone(said.person, place, inside, said.gender == UNREADABLE, index)

    def _asked_for(self, leaf: Leaf) -> tuple[Events, Places]:
        """Return events, and where those are whose code and value the leaf asks for, or can be read by nobody."""
        events = self._events[leaf.category, leaf.kind]
        groups = list(_groups(events, leaf))
        rows = np.concatenate([np.zeros(0, np.intp), *(np.arange(at.start, at.stop) for _, _, at in groups)])
        if leaf.kind is not Kind.MEASUREMENT:
            return events, rows
        masks = (_measured(events.value[at], code, unit, leaf) for code, unit, at in groups)
        inside = np.concatenate([np.zeros(0, np.bool_), *masks])
        if any((events.place[at] != events.head[at]).any() for _, _, at in groups):
            first = _first_codings(events, rows)
            rows, inside = rows[first], inside[first]
        return events, rows[inside]


def _resources(records: Records, category: str) -> list[Resource]:
    """Return one person's resources; where they are no list of any, something that cannot be read."""
    try:
        return list(records.get(category, ()))
    except MISSHAPEN:
        return [{}]


def _groups(events: Events, leaf: Leaf) -> Iterator[tuple[str, Unit, slice]]:
    """Yield where each code and unit is that the leaf asks for, and what may have any code."""
    for unit, where in events.groups.get(None, {}).items():
        yield "", unit, where
    for code in leaf.codes:
        for unit, where in events.groups.get((leaf.system, code), {}).items():
            yield code, unit, where


def _measured(values: Floats, code: str, unit: Unit, leaf: Leaf) -> Mask:
    """Say which values of one code and unit the leaf asks for; of those that cannot be read, all."""
    if unit is None:
        return np.ones(len(values), np.bool_)
    found = conversion(unit, leaf.unit, code)
    if found is None:
        return np.zeros(len(values), np.bool_)
    with np.errstate(over="ignore", invalid="ignore"):  # Python's numbers overflow without a word, too
        return _within(values * found[0] + found[1], leaf.bounds)


def _first_codings(events: Events, rows: Places) -> Places:
    """Return where in rows each resource's first coding is: it decides how the value is converted."""
    order = np.argsort(events.place[rows], kind="stable")
    heads = events.head[rows][order]
    first: Places = order[np.concatenate(([True], heads[1:] != heads[:-1]))]
    return first


def _aged(born: Integers, index: Integers, bounds: Bounds | None) -> Mask:
    """Say which of these people have completed years within the bounds on their index days, both as in a calendar."""
    years = (index - born) // YEAR
    return (born > NEVER) & (born <= index) & _within(years.astype(np.float64), bounds)


def _calendar(days: Integers) -> Integers:
    """Number days as `cohort_columns.calendar` does."""
    dates = (days - _EPOCH).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    since = (dates - months).astype(np.int32)
    numbers: Integers = (months.astype(np.int32) + 12 * 1970) * MONTH + since + 1
    return numbers


def _within(values: Floats, bounds: Bounds | None) -> Mask:
    low, high = bounds or (None, None)
    inside = np.ones(len(values), np.bool_)
    if low is not None:
        inside &= low <= values
    if high is not None:
        inside &= values <= high
    return inside


def _anyone(person: Integers, place: Integers, inside: Mask, unreadable: Mask, index: Integers) -> Mask:
    """Say of each person whether something of theirs that can be read is inside.

    Raises `RowsError` where, of somebody with an index, what cannot be read comes first: `Leaf.holds` looks no further.
    """
    found, hit = np.zeros(len(index), np.bool_), inside & ~unreadable
    found[person[hit]] = True
    missed = unreadable & (index[person] != NEVER)
    if missed.any():
        first = np.full(len(index), _LATEST, np.int32)
        np.minimum.at(first, person[hit], place[hit])
        if (place[missed] < first[person[missed]]).any():
            raise _misshapen()
    return found


def _misshapen() -> RowsError:
    return RowsError("a resource is not FHIR R4: import that person's records again")
