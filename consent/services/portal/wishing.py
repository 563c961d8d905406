"""What people wish to be asked: whether at all, and which kinds of research never; and the studies they said no to.

That somebody never wants to be asked about some research tells of them, so it is sealed under their key. That they may
be asked at all is an entry of the log (`consent.services.preferences`).
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import canonical_json
from consent.domain.research import ResearchKind
from consent.domain.terms import StudyReference, SubjectId
from consent.ports import Store, Unit
from consent.services.book import ConsentBook
from consent.services.log import Log
from consent.services.portal.studies import ApprovedStudies
from vault import Vault

LABEL: Final = "wishes"
CHANGED: Final = "WISHES"
"""The verdict of the entry that tells that wishes changed, and not which."""


class WishError(ConsentError):
    """Nothing new is kept of somebody who is being erased."""


@dataclass(frozen=True, slots=True)
class Wishing:
    """The wishes of each person."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    studies: ApprovedStudies

    def never(self, subject: SubjectId) -> frozenset[ResearchKind]:
        """Return the kinds of research that a person never wants to be asked for; raises the vault's errors."""
        with self.store.reading() as unit:
            return self.never_within(unit, subject)

    def never_within(self, unit: Unit, subject: SubjectId) -> frozenset[ResearchKind]:
        """Do so in the caller's transaction."""
        sealed = unit.wishes.get(subject)
        if sealed is None:
            return frozenset()
        return frozenset(map(ResearchKind, json.loads(self.vault.unseal(subject, LABEL, sealed))["never"]))

    def wish(self, subject: SubjectId, never: Collection[ResearchKind], now: datetime) -> None:
        """Keep what a person never wants to be asked for, in the place of what they said before; raise `WishError`."""
        sealed = self.vault.seal(subject, LABEL, canonical_json({"never": sorted(never)}))
        with self.store.begin() as unit:
            self.book.follow(unit)
            if subject in self.book.blocked:
                raise WishError("nothing new is kept of somebody who is being erased")
            unit.wishes.put(subject, sealed)
            self.log.append(unit, [Entry(int(now.timestamp()), "patient", Action.PREFER, CHANGED, subject)])

    def declined(self, subject: SubjectId, language: str = "en") -> list[StudyReference]:
        """Return the studies that a person said no to and that could still ask, by their titles in a language."""
        with self.store.reading() as unit:
            self.book.follow(unit)
            said_no = unit.accounts.declined(subject) - self.book.closed
            found = self.studies.all(unit, said_no).values()
        asked = (study.read_in(language) or study for study in found)
        return sorted((study.reference for study in asked), key=lambda reference: (reference.title, reference.id))

    def let_ask(self, subject: SubjectId, study: str) -> None:
        """Take a no back: the study may ask again. What is no study was never said no to."""
        with self.store.begin() as unit:
            self.book.follow(unit)
            if study in self.book.approved:
                unit.accounts.undecline(subject, study)
