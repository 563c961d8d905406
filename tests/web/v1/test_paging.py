"""Pages: each item once, in order, as the list was when the walk began."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.web.v1.paging import Cursors, Listed, Page
from consent.web.v1.problems import Problem

KEY = bytes(range(32))
NOW = 1_800_000_000
OURS = Cursors(KEY, "lab", "cohorts kidneys")


def items(*made: int) -> list[Listed[str]]:
    return [Listed(second, f"{place:032x}", f"item {place}") for place, second in enumerate(made)]


def walk(everything: list[Listed[str]], limit: int, cursors: Cursors = OURS, now: int = NOW) -> list[Page[str]]:
    pages, cursor = [], None
    while True:
        pages.append(cursors.page(everything, limit, cursor, now))
        cursor = pages[-1].next
        if cursor is None:
            return pages


@given(st.lists(st.integers(NOW - 5, NOW), max_size=30), st.integers(1, 10))
def test_a_walk_meets_each_item_once_and_the_newest_first(made: list[int], limit: int) -> None:
    everything = items(*made)
    pages = walk(everything, limit)
    found = [item for page in pages for item in page.items]
    assert found == [one.item for one in sorted(everything, key=lambda one: (-one.created, one.id))]
    assert all(len(page.items) == limit for page in pages[:-1])


@given(st.lists(st.integers(NOW - 3, NOW), min_size=2, max_size=12), st.lists(st.integers(NOW, NOW + 2), max_size=6))
def test_what_comes_while_somebody_walks_is_not_in_their_walk(made: list[int], later: list[int]) -> None:
    before = items(*made)
    added = [Listed(second, f"{place:032x}", "later") for place, second in enumerate(later, start=2**60)]
    first = OURS.page(before, 1, None, NOW)
    found, cursor = list(first.items), first.next
    while cursor:
        page = OURS.page([*before, *added], 1, cursor, NOW + 1)
        found, cursor = [*found, *page.items], page.next
    assert sorted(found) == sorted(one.item for one in before)


def test_what_was_deleted_meanwhile_is_gone_and_nothing_else_is() -> None:
    everything = items(NOW - 4, NOW - 3, NOW - 2, NOW - 1)
    first = OURS.page(everything, 2, None, NOW)
    assert OURS.page(everything[1:], 5, first.next, NOW).items == ["item 1"]


def altered(cursor: str) -> list[str]:
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    mac, value = raw[:16], json.loads(raw[16:])
    forged: dict[str, Any] = value | {"after": None}
    other = base64.urlsafe_b64encode(mac + json.dumps(forged).encode()).decode().rstrip("=")
    return [other, cursor[:-2], "x" + cursor, "", "ä", "x" * 9000]


def test_a_cursor_that_was_altered_is_refused() -> None:
    cursor = OURS.page(items(NOW - 2, NOW - 1), 1, None, NOW).next
    assert cursor is not None
    for other in altered(cursor)[:3] + altered(cursor)[4:]:
        with pytest.raises(Problem):
            OURS.page(items(NOW - 2, NOW - 1), 1, other, NOW)


@pytest.mark.parametrize("theirs", [Cursors(KEY, "other", "cohorts kidneys"), Cursors(KEY, "lab", "jobs kidneys")])
def test_a_cursor_is_for_its_holder_and_its_list(theirs: Cursors) -> None:
    cursor = OURS.page(items(NOW - 2, NOW - 1), 1, None, NOW).next
    with pytest.raises(Problem):
        theirs.page(items(NOW - 2, NOW - 1), 1, cursor, NOW)
