"""Who looked at what people signed: an entry for each person, written before anything is opened.

    {"action": "access", "actor": "auditor:audrey", "operation": "audit", "subject": …, "verdict": "PERMIT"}

Its subject finds it among what happened to their records, as they find every other access.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.hashing import Json
from consent.domain.terms import SubjectId
from consent.ports import Unit
from consent.services.acts import AUDITING
from consent.services.desk.callers import Role
from consent.services.log import Log

LEFT: Final = {"history": "HISTORY", "consents": "CONSENTS"}
"""The verdict of an entry about what left, by what it was."""


@dataclass(frozen=True, slots=True)
class Looker:
    """A member of the staff, as the log calls them."""

    name: str
    role: Role

    @property
    def actor(self) -> str:
        """Their role and their name."""
        return f"{self.role.value}:{self.name}"


@dataclass(frozen=True, slots=True)
class Looked:
    """A consent that is looked at, and whose it is; the study is empty where no entry of the log tells it."""

    consent: str
    subject: SubjectId
    study: str


@dataclass(frozen=True, slots=True)
class Looking:
    """Writes who looked."""

    log: Log

    def note(self, unit: Unit, who: Looker, consents: Iterable[Looked], now: int) -> None:
        """Write that somebody looks at consents, an entry each; commit before any is opened."""
        self.log.append(unit, [_entry(who, one, now) for one in consents])

    def note_leaving(self, unit: Unit, who: Looker, what: str, facts: dict[str, Json], now: int) -> int:
        """Write that something leaves as a file, and return how many entries came before: what the file is about."""
        study = str(facts.pop("study", ""))
        entry = Entry(now, who.actor, Action.EXPORT, LEFT[what], study=study, facts=facts)
        return self.log.append(unit, [entry])[0].index


def _entry(who: Looker, one: Looked, now: int) -> Entry:
    return Entry(now, who.actor, Action.ACCESS, PERMIT, one.subject, one.study, AUDITING, consent=one.consent)
