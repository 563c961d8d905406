"""What leaves as a file: entries of the log as CSV or NDJSON, consents as FHIR R4. The log says so first.

    index,time,date,actor,action,verdict,subject,study,operation,categories,consent,facts,private,leaf
    41918,1800000000,2027-01-15T08:00:00Z,study:kidneys,read,PERMIT,9f…,kidneys,train,…

    {"entry":{…the entry's own bytes…},"index":41918,"leaf":"…"}

A cell that a spreadsheet would take for a formula begins with an apostrophe (OWASP, CSV injection).
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from consent.domain.hashing import Json, canonical_json
from consent.ports import Store
from consent.services.console.dating import day_of
from consent.services.console.fhir_consent import fhir_consent
from consent.services.console.history import Filter, History, Row
from consent.services.console.looking import Looked, Looker, Looking
from consent.services.console.reconciling import AT_ONCE, Reconciling
from consent.services.console.sides import state_of

COLUMNS: Final = (
    "index", "time", "date", "actor", "action", "verdict", "subject", "study", "operation", "categories", "consent",
    "facts", "private", "leaf",
)  # fmt: skip
_FORMULA: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What makes a cell a formula to some spreadsheet, East Asian full-width forms among them."""
_LINES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class GivingOut:
    """Gives files out; each has its entry before its first byte."""

    store: Store
    history: History
    sides: Reconciling
    looking: Looking
    clock: Callable[[], datetime]

    def entries(self, who: Looker, wanted: Filter, form: str) -> Iterator[bytes]:
        """Yield the entries that are wanted, the newest first; `form` is `csv` or `ndjson`."""
        facts: dict[str, Json] = {"format": form, "filter": dict(wanted.named()), "study": wanted.study}
        facts |= {name: end for name, end in (("since", wanted.since), ("until", wanted.until)) if end is not None}
        size = self._note(who, "history", facts)
        rows = self.history.everything(wanted, size)
        return as_csv(rows) if form == "csv" else as_ndjson(rows)

    def consents(self, who: Looker, study: str = "") -> Iterator[bytes]:
        """Yield every consent that can be opened as a line of FHIR R4 JSON, of one study where it is named.

        Each has an entry of its own, as for whoever looks at it.
        """
        now = int(self.clock().timestamp())
        with self.store.begin() as unit:
            self.sides.follow(unit)
            given = [one for one in self.sides.chronicle.given.values() if study in {"", one.study}]
            living = [one for one in given if one.subject not in self.sides.book.blocked]
            facts: dict[str, Json] = {"format": "fhir", "consents": len(living), "study": study}
            self.looking.note_leaving(unit, who, "consents", facts, now)
            self.looking.note(unit, who, [Looked(one.consent, one.subject, one.study) for one in living], now)
        return self._opened([one.consent for one in living])

    def _opened(self, ids: Sequence[str]) -> Iterator[bytes]:
        left = iter(ids)
        with self.store.reading() as unit:
            self.sides.follow(unit)
            now = self.sides.now()
            while some := list(islice(left, AT_ONCE)):
                for sides in self.sides.of(unit, some):
                    if sides.signed is not None and not sides.gone:
                        flaws = self.sides.differences(sides)
                        yield canonical_json(fhir_consent(sides, sides.signed, state_of(sides, now), flaws)) + b"\n"

    def _note(self, who: Looker, what: str, facts: dict[str, Json]) -> int:
        with self.store.begin() as unit:
            return self.looking.note_leaving(unit, who, what, facts, int(self.clock().timestamp()))


def as_csv(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield rows as CSV (RFC 4180) with a header, in pieces."""
    yield _csv([COLUMNS])
    left = iter(rows)
    while some := list(islice(left, _LINES_AT_ONCE)):
        yield _csv([[harmless(_cell(row, name)) for name in COLUMNS] for row in some])


def as_ndjson(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield rows as lines of JSON, each with the entry's own bytes in it, so that its leaf can be computed again.

    Bytes that somebody put there and that are no line of JSON stand in hex, as a text.
    """
    for row in rows:
        body = row.entry.body
        shown = body if row.body and b"\n" not in body else b'"%s"' % body.hex().encode()
        yield b'{"entry":%s,"index":%d,"leaf":"%s"}\n' % (shown, row.index, row.entry.leaf.hex().encode())


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    first = cell.lstrip(" \u00a0")[:1]
    return f"'{cell}" if first in _FORMULA or cell[:1] in _FORMULA else cell


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(row: Row, name: str) -> str:
    if name == "leaf":
        return row.entry.leaf.hex()
    if name == "date":
        return day_of(row.body.get("time"), "%Y-%m-%dT%H:%M:%SZ")
    value: Any = row.body.get(name, "")
    if name == "categories" and isinstance(value, list):
        return " ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
