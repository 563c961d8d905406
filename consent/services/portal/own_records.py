"""A person's own records, to read in the portal: each look that opens any is an entry of the log first.

    {"action": "access", "actor": "patient", "operation": "view", "verdict": "PERMIT", "categories": ["laboratory"], …}

Counts are of sealed rows; nothing is opened for them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.terms import Category, SubjectId
from consent.ports import Store
from consent.services.access import BlockedPersonError, OwnGate
from consent.services.book import ConsentBook
from consent.services.log import Log
from consent.services.portal.plain_records import PlainRecord, plain
from vault import Access, History, PastVersion, State, Vault

VIEW: Final = "view"
"""The operation of somebody's look at their own records."""


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """One record as its owner reads it.

    Attributes:
        id: the record's id in the vault.
        version: which version it is, from 1.
        resources: what came in together, in plain words; at least one.
        replaced: earlier versions that are kept, by their numbers.
        file: whether a file stands behind it.
    """

    id: str
    version: int
    resources: Sequence[PlainRecord]
    replaced: Sequence[int]
    file: bool

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
        """Return how many current records of each category there are; opens none."""
        with self.store.reading() as unit:
            tally = self.vault.tally(unit.connection, subject)
        return {category: tally[category] for category in Category if tally.get(category)}

    def records(self, subject: SubjectId, category: Category, now: datetime) -> list[OwnRecord]:
        """Open a person's records of one category, the newest day first; those without a day come last.

        The entry is on disk before the first is opened. Raises `BlockedPersonError`, and the vault's errors.
        """
        self._note(subject, category, now)
        only = frozenset({category.value})
        access = Access("patient", "", VIEW, frozenset(), only)
        with self.store.reading() as unit:
            self.book.follow(unit)
            self._require_living(subject)
            kept = self.vault.history(unit.connection, OwnGate(subject, only), access, subject)
        versions = kept.versions if isinstance(kept, History) else ()
        found = [_record(version, versions) for version in versions if version.state is State.CURRENT]
        return sorted(found, key=lambda one: (-one.first.day.toordinal() if one.first.day else 0, one.id))

    def _note(self, subject: SubjectId, category: Category, now: datetime) -> None:
        with self.store.begin() as unit:
            self.book.follow(unit)
            self._require_living(subject)
            self.vault.keys.unwrap([subject])  # raises here, where nothing is written yet
            time = int(now.timestamp())
            entry = Entry(
                time, "patient", Action.ACCESS, PERMIT, subject, operation=VIEW, categories=(category.value,)
            )  # fmt: skip
            self.log.append(unit, [entry])

    def _require_living(self, subject: SubjectId) -> None:
        if subject in self.book.blocked:
            raise BlockedPersonError("this person asked to be erased: nothing of theirs is opened any more")


def _record(current: PastVersion, versions: Sequence[PastVersion]) -> OwnRecord:
    earlier = [one.version for one in versions if one.record_id == current.record_id and one.state is not State.CURRENT]
    resources = [plain(json.loads(line)) for line in current.content.splitlines() if line.strip()]
    return OwnRecord(current.record_id, current.version, resources, earlier, bool(current.parts))
