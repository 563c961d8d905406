"""A person's receipts, as often as they like, and the check of one by anybody.

A receipt is signed anew from its entry in the log: the same bytes each time, for Ed25519 is deterministic.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from consent.domain.entry import PERMIT, Action, PlacedEntry
from consent.domain.hashing import NotCanonicalError
from consent.domain.receipt import InvalidReceiptError, Receipt
from consent.domain.telling import said
from consent.domain.terms import SubjectId
from consent.ports import RECEIPTED, Store, Unit
from consent.services.book import BookEntry, ConsentBook
from consent.services.bundles.receipts import receipt_bundle
from consent.services.granting import Granting

_RECEIPTED: Final = {(Action.GRANT.value, PERMIT), (Action.STOP.value, "STOPPED")}
_STATES: Final = {"grant": {PERMIT}, "stop": {"STOPPED"}, "erase": {"BLOCKED", "FINAL"}}
"""Verdicts of the entries that a receipt of each action is about."""
LONGEST: Final = 16 * 1024
"""Bytes of a receipt that somebody brings."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt of a person with the consent that it is about."""

    receipt: Receipt
    consent: str
    title: str
    institution: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a check: the receipt, None where it is none; and each thing that was looked at, in order."""

    receipt: Receipt | None
    findings: Sequence[tuple[str, bool]]

    @property
    def holds(self) -> bool:
        """Whether all of it holds."""
        return bool(self.findings) and all(holds for _, holds in self.findings)


@dataclass(frozen=True, slots=True)
class Receipts:
    """Receipts of one installation; `verify(message, signature)` says whether the log key signed."""

    store: Store
    book: ConsentBook
    granting: Granting
    origin: str
    verify: Callable[[bytes, bytes], bool]

    def page(self, subject: SubjectId, before: int | None, size: int) -> tuple[list[Kept], int | None]:
        """Return `size` receipts, the newest first, and where the next page begins, None where there is none."""
        with self.store.reading() as unit:
            self.book.follow(unit)
            found = list(islice(self._receipted(unit, subject, before), size + 1))
            kept = [self._kept(unit, subject, entry, index) for index, entry in found[:size]]
        return kept, found[size - 1][0] if len(found) > size else None

    def one(self, subject: SubjectId, index: int) -> Kept | None:
        """Return the receipt of an entry, None where the person has none of it."""
        with self.store.reading() as unit:
            self.book.follow(unit)
            found = next(self._receipted(unit, subject, index + 1), None)
            return self._kept(unit, subject, found[1], index) if found and found[0] == index else None

    def evidence(self, receipt: Receipt, now: datetime) -> bytes | None:
        """Return a receipt's evidence bundle; None before a signed checkpoint covers its entry."""
        with self.store.reading() as unit:
            return receipt_bundle(unit, receipt, int(now.timestamp()), self.granting.log.signer.sign)

    def check(self, brought: bytes) -> Checked:
        """Say what holds of a receipt that somebody brings, up to the first thing that does not."""
        receipt = _read(brought)
        findings: list[tuple[str, bool]] = [("form", receipt is not None)]
        for name, holds in self._checks(receipt) if receipt else ():
            findings.append((name, holds))
            if not holds:
                break
        return Checked(receipt, findings)

    def _checks(self, receipt: Receipt) -> Iterator[tuple[str, bool]]:
        yield "origin", receipt.origin == self.origin
        signature = bytes.fromhex(receipt.signature)
        yield "signature", bool(signature) and self.verify(receipt.signed_bytes(), signature)
        with self.store.reading() as unit:
            entry = unit.log.some([receipt.index]).get(receipt.index)
        yield "entry", entry is not None and entry.leaf.hex() == receipt.leaf
        yield "act", entry is not None and _is_about(entry, receipt)

    def _receipted(
        self, unit: Unit, subject: SubjectId, before: int | None
    ) -> Iterator[tuple[int, BookEntry]]:  # fmt: skip
        own = {entry.id: entry for entry in self.book.entries(subject)}
        for placed in unit.log.about(subject, before, RECEIPTED):
            body = said(placed) or {}
            entry = own.get(str(body.get("consent", "")))
            if (body.get("action"), body.get("verdict")) in _RECEIPTED and body.get("subject") == subject and entry:
                yield placed.index, entry

    def _kept(self, unit: Unit, subject: SubjectId, entry: BookEntry, index: int) -> Kept:
        receipt = self.granting.receipt_of(unit, subject, entry, index)
        return Kept(receipt, entry.id, entry.terms.study.title, entry.terms.study.institution)


def _is_about(entry: PlacedEntry, receipt: Receipt) -> bool:
    body: dict[str, Any] = dict(said(entry) or {})
    told = body.get("action"), body.get("subject"), body.get("time"), body.get("actor")
    same = told == (receipt.action, receipt.subject, receipt.time, receipt.by)
    return same and body.get("verdict") in _STATES.get(receipt.action, ())


def _read(brought: bytes) -> Receipt | None:
    if len(brought) > LONGEST:
        return None
    try:
        receipt = Receipt.from_json(json.loads(brought))
        receipt.signed_bytes()  # half a character, which JSON can spell, stands in no receipt
    except (InvalidReceiptError, NotCanonicalError, ValueError, RecursionError):
        return None
    return receipt
