"""The log in SQL. Its order is the primary key; a gap or a second entry at one place cannot be written."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
)

from consent.adapters.sql.log_nodes import SqlLogNodes
from consent.adapters.sql.log_tables import anchor_requests, anchors
from consent.adapters.sql.tables import checkpoints, entries
from consent.domain.entry import Action, PlacedEntry
from consent.domain.errors import ConsentError, LogTreeError
from consent.domain.merkle import Subtree
from consent.domain.terms import SubjectId
from consent.ports import EVERYTHING, HOUSE, AnchoredAt, Sieve

_AT_ONCE: Final = 500
"""How many indices one query names."""
_ROWS: Final = 100
"""How many entries of a person one query returns: whoever wants few leaves nothing open."""
_MOST: Final = 2**31 - 1
"""No index is larger; what asks may name any number."""
_SUBJECT: Final = {
    "sqlite": "substr(body, instr(body, x'227375626a656374223a22') + 11, 32)",
    "postgresql": "substring(body from position('\\x227375626a656374223a22'::bytea in body) + 11 for 32)",
}
"""The 32 bytes behind `"subject":"` in an entry, spelled as the index over them is (migration 0013).

JSON's quotes are escaped inside texts, so the mark stands nowhere else. There is no column that could say otherwise.
"""
_newest_first = -entries.c.index
_PLACE: Final = {"sqlite": "instr(body, x'{mark}')", "postgresql": "position('\\x{mark}'::bytea in body)"}
"""Where an entry holds a mark, 0 where it does not: spelled out, for indexes serve who spells them (migration 0013)."""

_BEGINNING: Final = {"sqlite": "substr(body, 1, 18)", "postgresql": "substring(body from 1 for 18)"}
"""The bytes of an entry that name its action, as the index of migration 0015 spells them."""
_NAMING: Final = 18
_BYTES: Final = {"sqlite": "x'{0}'", "postgresql": "'\\x{0}'::bytea"}


class LogOrderError(ConsentError):
    """Entries were appended at a place that is not the log's end; read the size again and append there."""


@dataclass(frozen=True)
class SqlAuditLog:
    """`AuditLog` on one transaction."""

    connection: Connection

    def size(self) -> int:
        """Return how many entries there are."""
        last = self.connection.scalar(select(func.max(entries.c.index)))
        return 0 if last is None else last + 1

    def append(self, placed: Sequence[PlacedEntry]) -> None:
        """Store entries; raise `LogOrderError` unless they continue the log without a gap."""
        if not placed:
            return
        start = self.size()
        if [entry.index for entry in placed] != list(range(start, start + len(placed))):
            raise LogOrderError("entries continue the log at its size, one after the other")
        rows = [{"index": entry.index, "body": entry.body, "leaf": entry.leaf} for entry in placed]
        self.connection.execute(insert(entries), rows)
        with suppress(LogTreeError):  # an entry never waits for its tree: signing and opening make anew what is missing
            self._nodes.grow(start, [entry.leaf for entry in placed])

    def entries(self, first: int = 0, last: int | None = None) -> Iterator[PlacedEntry]:
        """Yield entries in order."""
        query = (
            select(entries.c.index, entries.c.body, entries.c.leaf)
            .where(entries.c.index >= first)
            .order_by(entries.c.index)
        )
        if last is not None:
            query = query.where(entries.c.index < last)
        for index, body, leaf in self.connection.execute(query.execution_options(yield_per=1000)):
            yield PlacedEntry(index, _bytes(body), _bytes(leaf))

    def saying(self, actions: Collection[Action]) -> Iterator[PlacedEntry]:
        """Yield the entries of these actions, in order."""
        if not set(actions) <= HOUSE:
            begins = tuple(_begins(action) for action in actions)
            yield from (entry for entry in self.entries() if entry.body[:_NAMING] in begins)
            return
        indexed, wanted = self._among(sorted(HOUSE)), self._among(actions)
        query = select(entries.c.index, entries.c.body, entries.c.leaf).where(indexed, wanted)
        for index, body, leaf in self.connection.execute(query.order_by(entries.c.index)):
            yield PlacedEntry(index, _bytes(body), _bytes(leaf))

    def _among(self, actions: Collection[Action]) -> ColumnElement[Any]:
        kind = self.connection.dialect.name
        listed = ", ".join(_BYTES[kind].format(_begins(action).hex()) for action in actions)
        return literal_column(f"{_BEGINNING[kind]} IN ({listed})")

    def some(self, indices: Collection[int]) -> Mapping[int, PlacedEntry]:
        """Return the entries at these indices, those that are there."""
        found: dict[int, PlacedEntry] = {}
        wanted = sorted({index for index in indices if 0 <= index <= _MOST})
        for start in range(0, len(wanted), _AT_ONCE):
            few = entries.c.index.in_(wanted[start : start + _AT_ONCE])
            for index, body, leaf in self.connection.execute(
                select(entries.c.index, entries.c.body, entries.c.leaf).where(few)
            ):
                found[index] = PlacedEntry(index, _bytes(body), _bytes(leaf))
        return found

    def about(self, subject: SubjectId, before: int | None = None, sieve: Sieve = EVERYTHING) -> Iterator[PlacedEntry]:
        """Yield the entries that name a subject and go through the sieve, the newest first."""
        named = literal_column(_SUBJECT[self.connection.dialect.name]) == bindparam(None, subject.encode(), LargeBinary)
        columns = select(entries.c.index, entries.c.body, entries.c.leaf)
        query = columns.where(named, *self._through(sieve)).order_by(_newest_first).limit(_ROWS)
        below, last = before, False
        while not last:
            rows = self.connection.execute(_below(query, below)).all()
            for index, body, leaf in rows:
                yield PlacedEntry(index, _bytes(body), _bytes(leaf))
                below = index
            last = len(rows) < _ROWS

    def _through(self, sieve: Sieve) -> Iterator[ColumnElement[Any]]:
        place = _PLACE[self.connection.dialect.name]
        if sieve.having:
            held = [f"{place.format(mark=mark.hex())} > 0" for mark in sieve.having]
            yield literal_column(f"({' OR '.join(held)})")
        for mark in sieve.lacking:
            yield literal_column(f"{place.format(mark=mark.hex())} = 0")

    def subtrees(self, wanted: Sequence[Subtree]) -> Sequence[bytes]:
        """Return the hash of each of these whole subtrees, as stored."""
        size = self.size()
        if any(level < 0 or place < 0 or (place + 1) << level > size for level, place in wanted):
            raise LogTreeError("the log does not have this subtree: ask for what lies below its size")
        return self._nodes.hashes(wanted)

    def has_subtrees(self) -> bool:
        """Say whether as many hashes of subtrees are stored as there should be."""
        return self._nodes.are_for(self.size())

    def make_subtrees(self) -> None:
        """Store the hashes of all subtrees anew."""
        self._nodes.make(entry.body for entry in self.entries())

    @property
    def _nodes(self) -> SqlLogNodes:
        return SqlLogNodes(self.connection)

    def save_checkpoint(self, size: int, note: str) -> None:
        """Store a signed checkpoint; one of the same size stays as it is."""
        if self.connection.scalar(select(checkpoints.c.size).where(checkpoints.c.size == size)) is None:
            self.connection.execute(insert(checkpoints), {"size": size, "note": note})

    def latest_checkpoint(self) -> str | None:
        """Return the newest signed checkpoint."""
        return _note(self.connection.scalar(select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)))

    def checkpoints(self) -> Sequence[tuple[int, str]]:
        """Return every signed checkpoint, the oldest first."""
        rows = self.connection.execute(select(checkpoints.c.size, checkpoints.c.note).order_by(checkpoints.c.size))
        return [(size, str(note)) for size, note in rows]

    def checkpoint_at(self, size: int) -> str | None:
        """Return the signed checkpoint of this size."""
        return _note(self.connection.scalar(select(checkpoints.c.note).where(checkpoints.c.size == min(size, _MOST))))

    def add_anchor(self, anchored: AnchoredAt) -> None:
        """Store that the chain holds a checkpoint; one of the same size stays as it is."""
        if self.connection.scalar(select(anchors.c.size).where(anchors.c.size == anchored.size)) is None:
            self.connection.execute(insert(anchors), asdict(anchored))

    def anchors(self) -> Sequence[AnchoredAt]:
        """Return what the chain holds, the smallest first."""
        columns = select(anchors.c.size, anchors.c.block, anchors.c.time)
        return [AnchoredAt(*row) for row in self.connection.execute(columns.order_by(anchors.c.size))]

    def ask_for_anchor(self, now: int) -> None:
        """Store that somebody wants the log anchored now."""
        self.forget_anchor_wishes(now)
        self.connection.execute(insert(anchor_requests), {"asked": now})

    def anchor_asked(self) -> int | None:
        """Return when the newest wish was stored."""
        asked: int | None = self.connection.scalar(select(func.max(anchor_requests.c.asked)))
        return asked

    def forget_anchor_wishes(self, until: int) -> None:
        """Delete the wishes of that second and those before."""
        self.connection.execute(delete(anchor_requests).where(anchor_requests.c.asked <= until))


def _begins(action: Action) -> bytes:
    return f'{{"action":"{action.value}","actor'.encode()[:_NAMING]


def _below(query: Select[Any], before: int | None) -> Select[Any]:
    if before is None:
        return query
    least = -min(max(before, 0), _MOST)
    return query.where(_newest_first > least)


def _note(value: object) -> str | None:
    """Return a column's note as text, which bytes in its place are not: they then open as none."""
    return None if value is None else str(value)


def _bytes(value: object) -> bytes:
    """Return a column's bytes: whoever alters the file can put text there, which an audit must name and not trip on."""
    return value if isinstance(value, bytes) else str(value).encode()
