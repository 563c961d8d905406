"""What people are told by mail: which acts of the log are a cause, each once, and the letters that wait until sent.

A letter waits sealed under the live epoch's key. It names its person and its kind; the address stays under the person's
own key until the letter goes, so that a new address counts and one that was taken back gets nothing. The last letter of
an erased person alone carries its address: it is sealed as the key dies, and dies with the epoch.

After a turn the log is read again from where letters began: what still waited is made anew, what was sent stays sent.
"""

import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from consent.domain.entry import PERMIT, Action
from consent.domain.hashing import Json, canonical_json
from consent.domain.telling import said
from consent.domain.terms import SubjectId
from consent.ports import Store, StoredNotice, Unit
from consent.services.book import BookEntry, ConsentBook
from consent.services.contacts import Contact, contact_of
from consent.services.portal.studies import ApprovedStudies
from consent.services.projection import LedgerProjection
from consent.services.studies.requesters import Themselves
from vault import DecryptionError, EpochSeal, Vault, VaultError

FAREWELL_SECONDS: Final = 3600
"""For how long at most an epoch lives on until an erased person's last letter has gone."""
_PADDED: Final = 512
"""Every letter is as long as any other at rest."""
_AT_ONCE: Final = 5000
"""Entries that one transaction reads."""
_DAY: Final = 86_400
_PATIENT: Final = Themselves().actor
_Ending = tuple[SubjectId, BookEntry, float]
"""Whose consent ends, which one, and the seconds that are left."""


class Notice(StrEnum):
    """What a letter tells."""

    FIRST_USE = "first-use"
    ENDS_IN_A_MONTH = "ends-in-a-month"
    ENDS_IN_A_WEEK = "ends-in-a-week"
    STOPPED = "stopped"
    ERASING = "erasing"
    ERASED = "erased"
    KEY_INVITED = "key-invited"
    KEY_ASKED = "key-asked"
    KEY_CANCELLED = "key-cancelled"
    KEY_REPLACED = "key-replaced"
    WAY_ADDED = "way-added"
    WAY_REMOVED = "way-removed"
    ANSWERED = "answered"


_CAUSES: Final[Mapping[tuple[str, str], tuple[Notice, str]]] = {
    (Action.READ, PERMIT): (Notice.FIRST_USE, "study"),
    # As soon as it is acknowledged: it counts from then on, and a letter at the chain's own time would join the two.
    (Action.STOP, "STOPPED"): (Notice.STOPPED, "time"),
    (Action.ERASE, "BLOCKED"): (Notice.ERASING, "subject"),
    (Action.ENROL, "KEY_INVITED"): (Notice.KEY_INVITED, "index"),
    (Action.ENROL, "KEY_ASKED"): (Notice.KEY_ASKED, "index"),
    (Action.ENROL, "KEY_CANCELLED"): (Notice.KEY_CANCELLED, "index"),
    (Action.ENROL, "KEY_REPLACED"): (Notice.KEY_REPLACED, "index"),
    (Action.ENROL, "WAY_ADDED"): (Notice.WAY_ADDED, "index"),
    (Action.ENROL, "WAY_REMOVED"): (Notice.WAY_REMOVED, "index"),
    (Action.REPORT, "ANSWERED"): (Notice.ANSWERED, "index"),
}
"""What each act tells, and by which field of its entry it is one cause for a person: stops at once are one."""


@dataclass(frozen=True, slots=True)
class WaitingNotice:
    """A letter in clear; `contact` is that of an erased person, whose key no longer opens it, and of nobody else."""

    kind: Notice
    subject: SubjectId
    time: int
    contact: Contact | None = None

    def to_bytes(self) -> bytes:
        """Return JSON padded to one length: what is sealed."""
        value: dict[str, Json] = {"kind": self.kind.value, "subject": self.subject, "time": self.time}
        if self.contact is not None:
            value["contact"] = {"address": self.contact.address, "language": self.contact.language}
        return canonical_json(value).ljust(_PADDED)

    @classmethod
    def from_bytes(cls, opened: bytes) -> "WaitingNotice":
        """Read what `to_bytes` wrote."""
        value = json.loads(opened)
        contact = value.get("contact")
        return cls(
            Notice(value["kind"]),
            SubjectId(value["subject"]),
            value["time"],
            None if contact is None else Contact(**contact),
        )


@dataclass(frozen=True, slots=True)
class Noticing:
    """Takes causes up; `seal` returns the live epoch's seal, `key` is 32 bytes that key the ids of causes."""

    store: Store
    vault: Vault
    book: ConsentBook
    projection: LedgerProjection
    seal: Callable[[], EpochSeal]
    key: bytes = field(repr=False)

    def follow(self, now: datetime) -> bool:
        """Take up what the log says since last time, a few thousand entries; say whether there is more to read.

        The first time nothing is told: letters tell of what comes from then on.
        """
        with self.store.begin() as unit:
            size, read = unit.log.size(), unit.notices.read()
            if read is None:
                unit.notices.begin(size)
                return False
            last = min(size, read + _AT_ONCE)
            for entry in unit.log.entries(read, last):
                self._take(unit, said(entry) or {}, int(now.timestamp()))
            unit.notices.set_read(last)
        return last < size

    def renew(self, now: datetime) -> int:
        """Let go of letters that no key opens any more, and read the log again for them; return how many there were.

        One that is put off is left until its time: another program may be sending it, whose key was there as it began.
        The last letter of an erased person is not made again: nobody knows their address any more.
        """
        with self.store.begin() as unit:
            dead = unit.notices.outside(self.seal().number, int(now.timestamp()))
            for notice in dead:
                unit.notices.undo(notice)
            if dead:
                unit.notices.read_again()
        return len(dead)

    def look_ahead(self, now: datetime) -> None:
        """Take up which consents end within a month and within a week, and could be given again.

        What another consent goes on with is left, and so is what its study could not use any more.
        """
        with self.store.begin() as unit:
            self.book.follow(unit)
            for subject, entry, left in self._of_use(unit, list(self._ending(unit, now))):
                kind = Notice.ENDS_IN_A_WEEK if left <= 7 * _DAY else Notice.ENDS_IN_A_MONTH
                self._add(unit, kind, subject, entry.id, int(now.timestamp()))

    def farewell(self, unit: Unit, subject: SubjectId, now: int) -> None:
        """Keep an address for one last letter, as the person's key is about to die, in the transaction that deletes it.

        Where no program ever took letters nothing is kept.
        """
        if unit.notices.read() is None:
            return
        try:
            contact = contact_of(self.vault, subject, unit.accounts.contact(subject))
        except VaultError:
            return  # an erasure does not wait for a letter
        if contact.address and unit.notices.mark(name := self._id(Notice.ERASED, subject, ""), now):
            self._put(unit, name, WaitingNotice(Notice.ERASED, subject, now, contact))

    def keeps_epoch(self, now: datetime) -> bool:
        """Say whether the epoch is to live on for a last letter, which dies with it; for an hour at most."""
        seal, since = self.seal(), int(now.timestamp()) - FAREWELL_SECONDS
        with self.store.reading() as unit:
            if unit.notices.read() is None:
                return False
            found = [self.opened(seal, stored) for stored in unit.notices.of_epoch(seal.number)]
        return any(one is not None and one.contact is not None and one.time > since for one in found)

    def opened(self, seal: EpochSeal, stored: StoredNotice) -> WaitingNotice | None:
        """Open a letter that waits; None for one that was damaged."""
        try:
            return WaitingNotice.from_bytes(seal.open(stored.sealed, stored.id))
        except DecryptionError:
            return None

    def _take(self, unit: Unit, body: Mapping[str, Any], now: int) -> None:
        found = _CAUSES.get((str(body.get("action", "")), str(body.get("verdict", ""))))
        subject = body.get("subject")
        if found is None or not isinstance(subject, str):
            return
        kind, by = found
        if kind is Notice.FIRST_USE and (not body.get("consent") or body.get("actor") == _PATIENT):
            return  # being counted is no use by a study, and neither is to ask for one's own risk
        self._add(unit, kind, SubjectId(subject), str(body.get(by, "")), now)

    def _ending(self, unit: Unit, now: datetime) -> Iterator[_Ending]:
        """Yield the consents that end within a month, with the seconds that are left."""
        self.projection.refresh(unit)
        standing, month = self.projection.standings(), 30 * _DAY
        for subject, entry in self.book.everything():
            left = (entry.terms.expires - now).total_seconds()
            if not 0 < left <= month or entry.stopped or entry.id in self.book.undone:
                continue
            later = [
                other
                for other in self.book.entries(subject)
                if other.terms.study.id == entry.terms.study.id
                and other.terms.expires > entry.terms.expires
                and not other.stopped
                and other.id not in self.book.undone
            ]
            if not later and not standing(entry.patient, entry.commitment)[1]:
                yield subject, entry, left

    def _of_use(self, unit: Unit, ending: Sequence[_Ending]) -> list[_Ending]:
        """Leave out what nobody can allow again: a study that closed or changed its text gets nothing as it is."""
        ids = {entry.terms.study.id for _, entry, _ in ending} - self.book.closed
        studies = ApprovedStudies(self.book).all(unit, sorted(ids))
        texts = {name: study.texts for name, study in studies.items()}
        return [one for one in ending if one[1].terms.text_hash in texts.get(one[1].terms.study.id, ())]

    def _add(self, unit: Unit, kind: Notice, subject: SubjectId, cause: str, now: int) -> None:
        """Take up a cause; it counts as told to whoever left no address."""
        name = self._id(kind, subject, cause)
        if unit.notices.mark(name, now) and unit.accounts.contact(subject) is not None:
            self._put(unit, name, WaitingNotice(kind, subject, now))

    def _put(self, unit: Unit, name: bytes, notice: WaitingNotice) -> None:
        seal = self.seal()
        unit.notices.add(StoredNotice(name, notice.time, seal.number, seal.seal(notice.to_bytes(), name)))

    def _id(self, kind: Notice, subject: SubjectId, cause: str) -> bytes:
        return hmac.digest(self.key, canonical_json([kind.value, subject, cause]), "sha256")
