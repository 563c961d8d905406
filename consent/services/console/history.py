"""What happened: entries of the log, the newest first, by study, person, action, verdict, consent and days.

A person's entries, and those about the house, are found by the log's indexes. Whatever else is asked for is looked for
backwards, a stretch at a time: one page reads `STRETCH` entries at most, and says from where the next one goes on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from consent.domain.entry import Action, PlacedEntry
from consent.domain.telling import said
from consent.domain.terms import SubjectId
from consent.ports import HOUSE, Store, Unit
from consent.services.console.chronicle import Chronicle
from consent.services.console.dating import CLOCKS_DIFFER, near

STRETCH: Final = 20_000
"""How many entries are looked at for one page where no index helps."""
_AT_ONCE: Final = 2000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted; what is empty or None asks for nothing. `since` and `until` in Unix seconds."""

    study: str = ""
    subject: str = ""
    action: str = ""
    verdict: str = ""
    operation: str = ""
    consent: str = ""
    since: int | None = None
    until: int | None = None

    def passes(self, body: Mapping[str, Any]) -> bool:
        """Say whether an entry is wanted; `until` is the first second that is not.

        Who asks for nothing gets what tells nothing too: no entry hides by being none.
        """
        if self == Filter():
            return True
        time = body.get("time")
        if type(time) is not int or (self.since or 0) > time or (self.until is not None and time >= self.until):
            return False
        return all(body.get(name) == wanted for name, wanted in self.named().items())

    def named(self) -> dict[str, str]:
        """Return the members that an entry must have."""
        names = ("study", "subject", "action", "verdict", "operation", "consent")
        return {name: value for name in names if (value := getattr(self, name))}

    def likely(self, body: bytes) -> bool:
        """Say, by its bytes alone, whether an entry may be wanted: names and values stand in it as they are."""
        return all(f'"{name}":"{value}"'.encode() in body for name, value in self.named().items())


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the log, with what it says."""

    entry: PlacedEntry
    body: Mapping[str, Any]

    @property
    def index(self) -> int:
        """Its place in the log."""
        return self.entry.index


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some entries, the newest first.

    Attributes:
        rows: the entries.
        older: the index below which the next page begins, None where nothing is left.
        stopped: whether the look ended before the page was full, because it had read as much as one page may.
        size: how many entries the log has.
    """

    rows: list[Row]
    older: int | None
    stopped: bool
    size: int


@dataclass(frozen=True, slots=True)
class History:
    """Reads the log; nothing here opens what is sealed."""

    store: Store
    chronicle: Chronicle

    def page(self, wanted: Filter, before: int | None, size: int) -> HistoryPage:
        """Return `size` entries that are wanted, with an index below `before` where one is given."""
        with self.store.reading() as unit:
            self.chronicle_for(unit, wanted)
            rows, last = list[Row](), None
            for entry in self._candidates(unit, wanted, before, STRETCH):
                if entry is None:
                    return HistoryPage(rows, last, stopped=True, size=unit.log.size())
                last = entry.index
                if (row := _row(entry, wanted)) is not None:
                    rows.append(row)
                if len(rows) == size:
                    return HistoryPage(rows, last or None, stopped=False, size=unit.log.size())
            return HistoryPage(rows, None, stopped=False, size=unit.log.size())

    def everything(self, wanted: Filter, size: int) -> Iterator[Row]:
        """Yield all entries that are wanted among the first `size`, the newest first: for what leaves as a file."""
        with self.store.reading() as unit:
            self.chronicle_for(unit, wanted)
            for entry in self._candidates(unit, wanted, size, None):
                if entry is not None and (row := _row(entry, wanted)) is not None:
                    yield row

    def entry(self, index: int) -> Row | None:
        """Return one entry, None where there is none."""
        with self.store.reading() as unit:
            found = unit.log.some([index]).get(index)
        return Row(found, said(found) or {}) if found else None

    def chronicle_for(self, unit: Unit, wanted: Filter) -> None:
        """Follow the chronicle where a consent is asked for: it says whose that is, and so which index finds it."""
        if wanted.consent and not wanted.subject:
            self.chronicle.follow(unit)

    def _candidates(
        self, unit: Unit, wanted: Filter, before: int | None, most: int | None
    ) -> Iterator[PlacedEntry | None]:
        """Yield what may be wanted, the newest first, and None where `most` entries were looked at."""
        first, last = _bounds(unit, wanted, before)
        given = self.chronicle.given.get(wanted.consent)
        subject = wanted.subject or (given.subject if given else "")
        if subject:
            yield from _down_to(first, unit.log.about(SubjectId(subject), last))
        elif wanted.action in HOUSE:
            found = [one for one in unit.log.saying({Action(wanted.action)}) if first <= one.index < last]
            yield from reversed(found)
        else:
            yield from _backwards(unit, first, last, most)


def _row(entry: PlacedEntry, wanted: Filter) -> Row | None:
    body = (said(entry) or {}) if wanted.likely(entry.body) else None
    return Row(entry, body) if body is not None and wanted.passes(body) else None


def _bounds(unit: Unit, wanted: Filter, before: int | None) -> tuple[int, int]:
    """Return between which indices wanted entries stand."""
    last = unit.log.size() if before is None else min(before, unit.log.size())
    first = 0
    if wanted.until is not None:
        last = min(last, near(unit.log, wanted.until + CLOCKS_DIFFER))
    if wanted.since is not None:
        first = max(0, near(unit.log, wanted.since - CLOCKS_DIFFER - 1) - 1)
    return first, last


def _down_to(first: int, entries: Iterator[PlacedEntry]) -> Iterator[PlacedEntry]:
    for entry in entries:
        if entry.index < first:
            return
        yield entry


def _backwards(unit: Unit, first: int, last: int, most: int | None) -> Iterator[PlacedEntry | None]:
    looked = 0
    while last > first:
        start = max(first, last - _AT_ONCE)
        for entry in reversed(list(unit.log.entries(start, last))):
            if most is not None and looked >= most:
                yield None
                return
            looked += 1
            yield entry
        last = start
