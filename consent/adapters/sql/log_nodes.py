"""Stored hashes of the log's whole subtrees: with them no proof needs more than a few rows.

Of the tree's levels every fourth is stored, level 0 with the entries themselves: a subtree's hash is computed from at
most eight rows. They are written with the entry that completes them, and may be made anew from the entries at any time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from consent.adapters.sql.log_tables import log_nodes
from consent.adapters.sql.tables import entries
from consent.domain.errors import LogTreeError
from consent.domain.hashing import HASH_BYTES
from consent.domain.merkle import Subtree, leaf_hash, parent

STRIDE: Final = 4
"""Of so many levels one is stored."""
_WIDTH: Final = 1 << STRIDE
_PLACES: Final = 500
"""How many places one query names."""
_AT_ONCE: Final = _WIDTH**3


@dataclass(frozen=True)
class SqlLogNodes:
    """The stored hashes, on one transaction."""

    connection: Connection

    def grow(self, size: int, leaves: Sequence[bytes]) -> None:
        """Store the hashes that leaves after the first `size` complete."""
        level, first, hashes = 0, size, list(leaves)
        while first // _WIDTH < (first + len(hashes)) // _WIDTH:
            begin = first - first % _WIDTH
            row = self._row(level, begin, first) + hashes
            level, first = level + STRIDE, begin // _WIDTH
            hashes = [_folded(row[at : at + _WIDTH]) for at in range(0, len(row) - _WIDTH + 1, _WIDTH)]
            self._store(level, first, hashes)

    def make(self, bodies: Iterable[bytes]) -> None:
        """Store all hashes anew, from the entries' bytes."""
        self.connection.execute(delete(log_nodes))
        size, leaves = 0, map(leaf_hash, bodies)
        while few := list(islice(leaves, _AT_ONCE)):
            self.grow(size, few)
            size += len(few)

    def are_for(self, size: int) -> bool:
        """Say whether as many hashes of each level are stored as a log of this size has, at their places."""
        columns = select(log_nodes.c.level, func.count(), func.max(log_nodes.c.place)).group_by(log_nodes.c.level)
        found = {level: (count, last + 1) for level, count, last in self.connection.execute(columns)}
        levels = range(STRIDE, size.bit_length(), STRIDE)
        return found == {level: (size >> level, size >> level) for level in levels if size >> level}

    def hashes(self, wanted: Sequence[Subtree]) -> list[bytes]:
        """Return the hash of each of these subtrees, from one reading of each stored level."""
        places: dict[int, set[int]] = {}
        for level, place in wanted:
            places.setdefault(level - level % STRIDE, set()).update(_made_of(level, place))
        stored = {level: self._read(level, sorted(those)) for level, those in places.items()}
        return [_folded(_taken(stored[level - level % STRIDE], _made_of(level, place))) for level, place in wanted]

    def _row(self, level: int, first: int, last: int) -> list[bytes]:
        """Return the hashes of one stored level from place `first` up to but not including `last`."""
        return _taken(self._read(level, range(first, last)), range(first, last))

    def _read(self, level: int, places: Sequence[int]) -> dict[int, bytes]:
        """Return the hashes at these places that are there; each is named: ranges would make SQLite read a level."""
        place, column = (log_nodes.c.place, log_nodes.c.hash) if level else (entries.c.index, entries.c.leaf)
        query = select(place, column).where(log_nodes.c.level == level) if level else select(place, column)
        found: dict[int, bytes] = {}
        for start in range(0, len(places), _PLACES):
            few = query.where(place.in_(places[start : start + _PLACES]))
            found.update((at, _hash(value)) for at, value in self.connection.execute(few))
        return found

    def _store(self, level: int, first: int, hashes: Sequence[bytes]) -> None:
        """Store hashes side by side; a log that was cut behind our back has left its own in their places."""
        place = log_nodes.c.place
        same = delete(log_nodes).where(log_nodes.c.level == level, place >= first, place < first + len(hashes))
        self.connection.execute(same)
        rows = [{"level": level, "place": first + at, "hash": one} for at, one in enumerate(hashes)]
        self.connection.execute(insert(log_nodes), rows)


def _made_of(level: int, place: int) -> range:
    """Return the places of the stored level below, or of that level itself, that a subtree is made of."""
    above = level % STRIDE
    return range(place << above, (place + 1) << above)


def _taken(row: Mapping[int, bytes], places: Iterable[int]) -> list[bytes]:
    try:
        return [row[place] for place in places]
    except KeyError as error:
        raise LogTreeError("hashes of the log's tree are missing: open the installation again") from error


def _folded(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over a whole subtree's row of nodes."""
    row = list(hashes)
    while len(row) > 1:
        row = [parent(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def _hash(value: object) -> bytes:
    """Return a column's hash; bytes of another length could change hands between neighbours and keep their root."""
    if not isinstance(value, bytes) or len(value) != HASH_BYTES:
        raise LogTreeError("a hash of the log's tree is damaged: open the installation again")
    return value
