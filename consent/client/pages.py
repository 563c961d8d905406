"""Lists of the API as iterators: each page is asked for when the one before is used up.

All pages show what there was when the first was asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from consent.client import answers
from consent.client.transport import Transport

T = TypeVar("T")
AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class _Page:
    items: tuple[Any, ...]
    next: str | None


def pages(transport: Transport, path: str, kind: type[T], at_once: int = AT_ONCE) -> Iterator[T]:
    """Yield everything that a list holds, as `kind`."""
    query, seen = {"limit": str(at_once)}, set[str]()
    while True:
        page = answers.read(_Page, transport.get(path, query))
        yield from (answers.read(kind, item) for item in page.items)
        if page.next is None:
            return
        if page.next in seen:
            raise answers.OtherVersionError("the server is of another version: its list has no end")
        seen.add(page.next)
        query["cursor"] = page.next
