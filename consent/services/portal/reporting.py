"""“This looks wrong”: a person names a line of their activity, gets a number, and is answered by the operator.

The log has that somebody asked and that they were answered. What they wrote is sealed under their key and dies with it.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from consent.domain import crockford
from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.telling import said
from consent.domain.terms import SubjectId
from consent.ports import Store, StoredReport, Unit
from consent.services.book import ConsentBook
from consent.services.log import Log
from vault import Vault

CHARACTERS: Final = 8
LONGEST: Final = 1000
"""Characters of what is written, on either side."""
OPEN: Final = 20
"""How many reports of one person may wait for an answer."""
LABEL: Final = "report"
ANSWER_LABEL: Final = "report-answer"


class ReportError(ConsentError):
    """This cannot be reported or answered, and nothing was kept; the message says why."""


class UnknownReportError(ReportError):
    """There is no such report; `consentry reports list` has them."""


@dataclass(frozen=True, slots=True)
class Report:
    """One report, opened; `answered` is None and `answer` empty before there is an answer."""

    id: str
    subject: SubjectId
    entry: int
    created: datetime
    text: str
    answered: datetime | None
    answer: str

    @property
    def number(self) -> str:
        """The id as people read it."""
        return f"{self.id[:4]}-{self.id[4:]}"


@dataclass(frozen=True, slots=True)
class Reporting:
    """Reports and their answers."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log

    def report(self, subject: SubjectId, entry: int, text: str, now: datetime) -> Report:
        """Take a report about one line; one line is reported once, and asking again returns the same report.

        Raises `ReportError`, and the vault's errors.
        """
        text = _plain(text)
        with self.store.begin() as unit:
            self.book.follow(unit)
            self._require_own(unit, subject, entry)
            known = unit.reports.about(subject, [entry]).get(entry)
            if known is not None:
                return self._opened(known)
            waiting = sum(report.answered is None for report in unit.reports.of_subject(subject))
            if waiting >= OPEN:
                raise ReportError(f"{OPEN} reports wait for an answer already: wait for one of them, or call")
            number = _drawn()
            sealed = self.vault.seal(subject, LABEL, text.encode(), number.encode())
            stored = StoredReport(number, subject, entry, int(now.timestamp()), sealed)
            unit.reports.add(stored)
            self._note(unit, stored, "patient", "ASKED", now)
        return self._opened(stored)

    def about(self, subject: SubjectId, entries: Collection[int]) -> Mapping[int, Report]:
        """Return a person's reports about these lines, by the line; raises the vault's errors."""
        with self.store.reading() as unit:
            found = unit.reports.about(subject, entries)
        return {entry: self._opened(stored) for entry, stored in found.items()}

    def everything(self) -> Sequence[Report]:
        """Return all reports, the oldest first; raises the vault's errors."""
        with self.store.reading() as unit:
            return [self._opened(stored) for stored in unit.reports.everything()]

    def one(self, number: str) -> Report:
        """Return a report by its number; raise `UnknownReportError`."""
        with self.store.reading() as unit:
            return self._opened(_found(unit, number))

    def answer(self, number: str, text: str, now: datetime) -> Report:
        """Answer a report; a second answer takes the place of the first. Raises `ReportError`."""
        text = _plain(text)
        if not text:
            raise ReportError("an answer has words: write what was found")
        with self.store.begin() as unit:
            self.book.follow(unit)
            stored = _found(unit, number)
            if stored.subject in self.book.blocked:
                raise ReportError("this person asked to be erased: nothing new is kept of them")
            sealed = self.vault.seal(stored.subject, ANSWER_LABEL, text.encode(), stored.id.encode())
            unit.reports.answer(stored.id, int(now.timestamp()), sealed)
            self._note(unit, stored, "operator", "ANSWERED", now)
            return self._opened(_found(unit, number))

    def _require_own(self, unit: Unit, subject: SubjectId, entry: int) -> None:
        placed = unit.log.some([entry]).get(entry)
        body = (placed and said(placed)) or {}
        if body.get("subject") != subject or subject in self.book.blocked:
            raise ReportError("there is no such line about this person")

    def _note(self, unit: Unit, report: StoredReport, actor: str, verdict: str, now: datetime) -> None:
        facts: dict[str, Json] = {"report": report.id, "entry": report.entry}
        time = int(now.timestamp())
        self.log.append(unit, [Entry(time, actor, Action.REPORT, verdict, report.subject, facts=facts)])

    def _opened(self, stored: StoredReport) -> Report:
        place = stored.id.encode()
        text = self.vault.unseal(stored.subject, LABEL, stored.sealed, place)
        answer = b"" if stored.answer is None else self.vault.unseal(stored.subject, ANSWER_LABEL, stored.answer, place)
        return Report(
            stored.id,
            stored.subject,
            stored.entry,
            datetime.fromtimestamp(stored.created, UTC),
            text.decode(),
            None if stored.answered is None else datetime.fromtimestamp(stored.answered, UTC),
            answer.decode(),
        )


def _found(unit: Unit, number: str) -> StoredReport:
    try:
        wanted = crockford.written(crockford.read(number, CHARACTERS), CHARACTERS).replace("-", "")
    except crockford.MistypedCodeError:
        wanted = ""
    stored = unit.reports.get(wanted)
    if stored is None:
        raise UnknownReportError("there is no such report: `consentry reports list` has them")
    return stored


def _drawn() -> str:
    return crockford.written(secrets.randbits(5 * CHARACTERS), CHARACTERS).replace("-", "")


def _plain(text: str) -> str:
    """Return what was written, in lines of printable characters."""
    lines = [line.strip() for line in text.replace("\r\n", "\n").strip().split("\n")]
    plain = "\n".join(lines)
    if len(plain) > LONGEST or not all(line.isprintable() for line in lines):
        raise ReportError(f"write at most {LONGEST:,} letters, in plain lines")
    return plain
