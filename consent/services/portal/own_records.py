"""A person's own records, to read in the portal: each look that opens any is an entry of the log first.

    {"action": "access", "actor": "patient", "operation": "view", "verdict": "PERMIT", "categories": ["laboratory"], …}

Counts are of sealed rows; nothing is opened for them. A list opens the current records of its kind, a record's own page
that record alone. What is not there is answered without an entry, since nothing is opened for it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.terms import Category, SubjectId
from consent.ports import Store, Unit
from consent.services.access import BlockedPersonError, OwnGate
from consent.services.book import ConsentBook
from consent.services.log import Log
from consent.services.portal.plain_records import PlainRecord, plain
from vault import Access, OpenedRecord, Opening, RecordNotFoundError, Refused, Vault

VIEW: Final = "view"
"""The operation of somebody's look at their own records."""


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """One record as its owner reads it.

    Attributes:
        id: the record's id in the vault.
        version: which version it is, from 1.
        resources: what came in together, in plain words; at least one.
    """

    id: str
    version: int
    resources: Sequence[PlainRecord]

    @property
    def first(self) -> PlainRecord:
        """What stands for the record in a list."""
        return self.resources[0]


@dataclass(frozen=True, slots=True)
class OwnView:
    """Reads for one person, who is signed in with a key."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log

    def counts(self, subject: SubjectId) -> Mapping[Category, int]:
        """Return how many current records there are of each category of which anything is kept; opens none."""
        with self.store.reading() as unit:
            tally = self.vault.tally(unit.connection, subject)
        return {category: tally[category] for category in Category if category in tally}

    def records(self, subject: SubjectId, category: Category, now: datetime) -> list[OwnRecord]:
        """Open a person's current records of one category, the newest day first; those without a day come last.

        The entry is on disk before the first is opened; where there are none there is no entry. Raises
        `BlockedPersonError`, and the vault's errors.
        """
        with self.store.begin() as unit:
            self._follow(unit, subject)
            if not self.vault.tally(unit.connection, subject).get(category):
                return []
            self._note(unit, subject, category, now)
        with self.store.reading() as unit:
            self._follow(unit, subject)
            opened = self.vault.read(unit.connection, OwnGate(subject, _only(category)), _access(category), [subject])
            found = _plain(opened)
        return sorted(found, key=lambda one: (-one.first.day.toordinal() if one.first.day else 0, one.id))

    def record(
        self, subject: SubjectId, category: Category, record_id: str, now: datetime
    ) -> tuple[OwnRecord, bool] | None:
        """Open one current record of a person, and say whether a file stands behind it.

        Its entry is on disk before it is opened. None, with nothing opened and no entry, where this person has no such
        record in this category. Raises `BlockedPersonError`, and the vault's errors.
        """
        with self.store.begin() as unit:
            self._follow(unit, subject)
            kept = self.vault.current(unit.connection, subject, record_id)
            if kept is None or kept.category != category:
                return None
            self._note(unit, subject, category, now)
        with self.store.reading() as unit:
            self._follow(unit, subject)
            return self._opened(unit, subject, category, record_id)

    def _opened(
        self, unit: Unit, subject: SubjectId, category: Category, record_id: str
    ) -> tuple[OwnRecord, bool] | None:
        """Open a record as it is now: None where it was withdrawn, or came into another category, since its entry."""
        gate, place = OwnGate(subject, _only(category)), (subject, record_id)
        try:
            opening = self.vault.read_record(unit.connection, gate, _access(category), *place)
        except RecordNotFoundError:
            return None
        kept = self.vault.current(unit.connection, *place)
        return None if isinstance(opening, Refused) or kept is None else (_plain([opening])[0], bool(kept.parts))

    def _follow(self, unit: Unit, subject: SubjectId) -> None:
        self.book.follow(unit)
        if subject in self.book.blocked:
            raise BlockedPersonError("this person asked to be erased: nothing of theirs is opened any more")

    def _note(self, unit: Unit, subject: SubjectId, category: Category, now: datetime) -> None:
        """Write the entry, once it is known that the person's key can be used."""
        self.vault.keys.unwrap([subject])
        time, only = int(now.timestamp()), (category.value,)
        self.log.append(unit, [Entry(time, "patient", Action.ACCESS, PERMIT, subject, operation=VIEW, categories=only)])


def _only(category: Category) -> frozenset[str]:
    return frozenset({category.value})


def _access(category: Category) -> Access:
    return Access("patient", "", VIEW, frozenset(), _only(category))


def _plain(openings: Iterable[Opening]) -> list[OwnRecord]:
    return [_own(record) for opening in openings for record in opening.records]


def _own(record: OpenedRecord) -> OwnRecord:
    resources = [plain(json.loads(line)) for line in record.content.splitlines() if line.strip()]
    return OwnRecord(record.record_id, record.version, resources)
