"""What a study's model says of a person, for themselves: asked for, and looked at again as it stands in the log.

    {"action": "access", "actor": "patient", "operation": "view", "verdict": "PERMIT", "study": …, "consent": …}

That entry is in the log before a sealed answer is opened. Asking writes the entries of `predicting`.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.domain.entry import PERMIT, Action, Entry, PlacedEntry
from consent.domain.terms import SubjectId
from consent.ports import Store
from consent.services.access import BlockedPersonError
from consent.services.book import ConsentBook
from consent.services.log import Log
from consent.services.portal.overview import Given
from consent.services.studies.explaining import Explained
from consent.services.studies.predicting import PREDICTED, Predicting, unsealed
from consent.services.studies.requesters import Themselves
from vault import Vault

_PATIENT: Final = Themselves().actor


@dataclass(frozen=True, slots=True)
class Asked:
    """The index of an answer's entry, and the consent under which it was given.

    Of several consents to one study the gate takes the first that covers it, not the one from which somebody asks.
    """

    index: int
    consent: str


@dataclass(frozen=True, slots=True)
class OwnRisk:
    """Predictions for the person whom they are about, under one of their consents."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    predicting: Predicting

    def ask(self, subject: SubjectId, given: Given, now: datetime) -> Asked:
        """Ask the study's model; return where the answer is. Raises as `Predicting.predict` does."""
        with self.store.reading() as unit:
            before = unit.log.size()
        self.predicting.predict(given.study, subject, Themselves(), now)
        with self.store.reading() as unit:
            own = [_asked(entry) for entry in unit.log.entries(before) if _is_answer(entry, subject, given.study)]
        return own[-1]

    def answer(self, subject: SubjectId, given: Given, index: int, now: datetime) -> Explained | None:
        """Open an answer once more, its opening in the log first; None where this person asked for no such.

        Raises `BlockedPersonError`.
        """
        with self.store.begin() as unit:
            self.book.follow(unit)
            if subject in self.book.blocked:
                raise BlockedPersonError("this person asked to be erased: nothing of theirs is opened any more")
            entry = unit.log.some({index}).get(index)
            if entry is None or not _is_answer(entry, subject, given.study) or _asked(entry).consent != given.id:
                return None
            self.vault.keys.unwrap([subject])  # raises here, where nothing is written yet
            self.log.append(unit, [_view(subject, given, int(now.timestamp()))])
        return unsealed(self.vault, entry)


def _is_answer(entry: PlacedEntry, subject: SubjectId, study: str) -> bool:
    body = json.loads(entry.body)
    said = [body.get(name) for name in ("action", "verdict", "actor", "subject", "study")]
    return said == [Action.PREDICT, PREDICTED, _PATIENT, subject, study]


def _asked(entry: PlacedEntry) -> Asked:
    return Asked(entry.index, json.loads(entry.body)["consent"])


def _view(subject: SubjectId, given: Given, time: int) -> Entry:
    return Entry(time, _PATIENT, Action.ACCESS, PERMIT, subject, given.study, "view", consent=given.id)
