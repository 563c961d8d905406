"""Whether a person allows being counted: an entry of the log and nothing else, so that no column can say otherwise.

Until somebody says yes they are not counted. It rests on no study: what is counted leaves as a disclosed number only
(`consent.services.studies.counting`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.terms import SubjectId
from consent.ports import Store, Unit
from consent.services.acts import COUNTED, NOT_COUNTED
from consent.services.book import ConsentBook
from consent.services.log import Log


class PreferenceError(ConsentError):
    """Nobody such is enrolled here, or they asked to be erased; nothing was written, check the SubjectId."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """Who allows being counted."""

    store: Store
    book: ConsentBook
    log: Log

    def prefer(self, subjects: Iterable[SubjectId], now: datetime, *, counted: bool, by: str = "patient") -> None:
        """Write what people prefer; `by` is `patient`, or `operator` for what was said on paper.

        Raises `PreferenceError`, having written nothing.
        """
        verdict, time = COUNTED if counted else NOT_COUNTED, int(now.timestamp())
        entries = [Entry(time, by, Action.PREFER, verdict, subject) for subject in subjects]
        with self.store.begin() as unit:
            self.book.follow(unit)
            living = {patient.subject for patient in unit.patients.everyone() if not patient.blocked}
            if not {entry.subject for entry in entries} <= living - self.book.blocked:
                raise PreferenceError("nobody such is enrolled here, or they asked to be erased: check the SubjectId")
            self.log.append(unit, entries)

    def counted(self, unit: Unit) -> frozenset[SubjectId]:
        """Return who allows being counted, as of a transaction; nobody who asked to be erased is among them.

        Call it before anything is written in that transaction.
        """
        self.book.follow(unit)
        return frozenset(self.book.counted)
