"""Consents that ran out get an entry, once: nobody acts at that moment, and the history would not show it else.

Terms end with a month, so the entries of a month's consents come together, in the order of random ids: their time tells
no more of a commitment on the chain than its expiry tells anyone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.domain.entry import Action, Entry
from consent.domain.terms import SubjectId
from consent.ports import Store, Unit
from consent.services.book import BookEntry, ConsentBook
from consent.services.log import Log

EXPIRED: Final = "EXPIRED"
_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Expiring:
    """Tells the log which consents ran out."""

    store: Store
    book: ConsentBook
    log: Log
    clock: Callable[[], datetime]

    def step(self) -> int:
        """Write the entry of each consent that ran out and has none; return how many those were.

        One that was stopped before, or never came on the ledger, had ended already. Nothing rests on the entry: from
        its second on a consent permits nothing.
        """
        with self.store.reading() as unit:
            due = self._due(unit)
        written = 0
        while due:
            with self.store.begin() as unit:
                few = self._due(unit)[:_AT_ONCE]
                self.log.append(unit, [self._entry(subject, entry) for subject, entry in few])
            written += len(few)
            with self.store.reading() as unit:
                due = self._due(unit)
        return written

    def _due(self, unit: Unit) -> list[tuple[SubjectId, BookEntry]]:
        self.book.follow(unit)
        now, ended = self.clock(), self.book.expired | self.book.undone
        over = (
            (subject, entry)
            for subject, entry in self.book.everything()
            if entry.terms.expires <= now and not entry.stopped and entry.id not in ended
        )
        return sorted(over, key=lambda found: found[1].id)

    def _entry(self, subject: SubjectId, entry: BookEntry) -> Entry:
        now, study = int(self.clock().timestamp()), entry.terms.study.id
        return Entry(now, "operator", Action.EXPIRE, EXPIRED, subject, study, consent=entry.id)
