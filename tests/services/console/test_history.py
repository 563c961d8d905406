"""The log by filter: nothing wanted is left out, nothing else is in, and no page reads the whole log."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from consent.domain.entry import PlacedEntry
from consent.services.console import history
from consent.services.console.console import Console
from consent.services.console.history import Filter, HistoryPage
from consent.services.console.looking import Looker
from tests.services.audited import Past

DAY = 86_400


def filters(past: Past) -> list[Filter]:
    subject, noon = past.stopped[0], int(past.began.timestamp())
    return [
        Filter(),
        Filter(study="kidneys"),
        Filter(subject=subject),
        Filter(subject=subject, action="stop"),
        Filter(action="read", verdict="PERMIT", operation="train"),
        Filter(action="train"),
        Filter(action="approve", study="kidneys"),
        Filter(consent=past.consent_of(subject)),
        Filter(consent="f" * 32),
        Filter(action="grant", since=noon - 60, until=noon + DAY),
        Filter(since=noon + 4 * DAY, until=noon + 6 * DAY),
        Filter(until=noon - 60),
        Filter(action="erase", verdict="BLOCKED"),
        Filter(verdict="NOTHING_LIKE_IT"),
    ]


def expected(past: Past, wanted: Filter) -> list[int]:
    """Return what is wanted, by a look at every entry."""
    names = ("study", "subject", "action", "verdict", "operation", "consent")

    def fits(body: dict[str, Any]) -> bool:
        named = all(body.get(name) == getattr(wanted, name) for name in names if getattr(wanted, name))
        return named and (wanted.since or 0) <= body["time"] < (wanted.until or 2**40)

    return [body["index"] for body in reversed(past.house.log()) if fits(body)]


def paged(console: Console, wanted: Filter, size: int) -> Iterator[HistoryPage]:
    before = None
    while True:
        page = console.history.page(wanted, before, size)
        yield page
        if page.older is None:
            return
        before = page.older


@pytest.mark.parametrize("number", range(14))
@pytest.mark.parametrize("stretch", [7, 20_000])
def test_page_after_page_gives_what_is_wanted_once(
    past: Past, console: Console, number: int, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "STRETCH", stretch)
    wanted = filters(past)[number]
    found = [row.index for page in paged(console, wanted, 5) for row in page.rows]
    assert found == expected(past, wanted)
    size = len(past.house.log())
    assert [row.index for row in console.history.everything(wanted, size)] == found


def test_the_filters_find_something(past: Past) -> None:
    assert [bool(expected(past, wanted)) for wanted in filters(past)] == [True] * 8 + [False] + [True] * 4 + [False]


@dataclass
class Reads:
    """Counts the entries that a log gives."""

    count: int = 0

    def counted(self, method: Any) -> Any:
        """Return a method of a log, counted."""

        def entries(log: Any, *args: Any) -> Iterator[PlacedEntry]:
            for entry in method(log, *args):
                self.count += 1
                yield entry

        return entries


@pytest.mark.parametrize(("number", "most"), [(0, 60), (2, 40), (5, 20), (13, 100)])
def test_no_page_reads_the_whole_log(
    past: Past, console: Console, number: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from consent.adapters.sql.log import SqlAuditLog

    wanted, reads = filters(past)[number], Reads()
    for name in ("entries", "about", "saying"):
        monkeypatch.setattr(SqlAuditLog, name, reads.counted(getattr(SqlAuditLog, name)))
    monkeypatch.setattr(history, "STRETCH", 50)
    monkeypatch.setattr(history, "_AT_ONCE", 25)
    page = console.history.page(wanted, None, 5)
    assert reads.count <= most
    assert page.size > 200
    assert page.stopped == (number == 13)


def test_an_entry_that_only_looks_wanted_is_not(past: Past, console: Console, who: Looker) -> None:
    list(console.giving_out.entries(who, Filter(verdict="STOPPED"), "csv"))
    found = console.history.page(Filter(verdict="STOPPED"), None, 50)
    assert all(row.body["action"] == "stop" for row in found.rows)


def test_one_entry_is_there_or_not(past: Past, console: Console) -> None:
    row = console.history.entry(0)
    assert row is not None
    assert row.body["index"] == 0
    assert console.history.entry(10**12) is None
