"""Lists in pages. Whoever walks through a list sees it as it was when they began: what came later is not in it.

    {"items": […], "next": "<cursor>" | null}           ?limit=50&cursor=…

A cursor is base64url of JSON and a MAC over it, the holder and the list: it is nobody else's and for no other list. It
names the last item that was seen, the second in which the walk began, and of the items of that second those that were
there: an item that another request adds in the same second does not slip in.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from consent.web.v1.problems import Problem

_MAC_BYTES: Final = 16
_LONGEST: Final = 8192

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """One item of a list: when it was made (Unix seconds), its id, and what is shown of it."""

    created: int
    id: str
    item: T


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor of those behind them, None where these were the last."""

    items: list[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class Cursors:
    """Makes and reads the cursors of one list for one holder; `key` is 32 bytes, the same for all lists."""

    key: bytes = field(repr=False)
    holder: str
    listing: str

    def page(self, everything: Sequence[Listed[T]], limit: int, cursor: str | None, now: int) -> Page[T]:
        """Return the page behind a cursor, newest first; raise `Problem` for a cursor that is none of this list's."""
        newest_first = sorted(everything, key=lambda one: (-one.created, one.id))
        began = self._read(cursor) if cursor else _began(newest_first, now)
        seen = [one for one in newest_first if one.created < began["at"] or one.id in began["then"]]
        after = began.get("after")
        behind = [one for one in seen if after is None or (-one.created, one.id) > (-after[0], after[1])]
        shown, more = behind[:limit], len(behind) > limit
        last = [shown[-1].created, shown[-1].id] if shown else None
        return Page([one.item for one in shown], self._made({**began, "after": last}) if more else None)

    def _made(self, value: dict[str, Any]) -> str:
        text = json.dumps(value, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(text) + text).decode().rstrip("=")

    def _read(self, cursor: str) -> dict[str, Any]:
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)) if len(cursor) <= _LONGEST else b""
        except ValueError:
            raw = b""
        mac, text = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(text)):
            rule = "is no cursor of this list: begin again without it"
            raise Problem("malformed-request", errors=[{"pointer": "/cursor", "detail": rule}])
        return dict(json.loads(text))

    def _mac(self, text: bytes) -> bytes:
        named = f"cursor\n{self.holder}\n{self.listing}\n".encode()
        return hmac.digest(self.key, named + text, hashlib.sha256)[:_MAC_BYTES]


def _began(newest_first: Sequence[Listed[T]], now: int) -> dict[str, Any]:
    at = min(now, newest_first[0].created) if newest_first and newest_first[0].created > now else now
    return {"at": at, "then": [one.id for one in newest_first if one.created >= at]}
