"""A person's ways in: what there is, adding one, taking one away, and signing out everywhere.

A person has one passphrase and one recovery code: a new one takes the place of the old. Who adds a way in shows that
they hold the wallet's seed, by the enrolment key's signature: a session alone is not enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.domain.terms import SubjectId
from consent.ports import Passkey, Store, StoredSlot, Unit
from consent.services.log import Log
from consent.services.portal.enrolling import (
    KEYED,
    RECOVERY,
    Enrolling,
    EnrolmentError,
    NewWallet,
    require_sound_way,
    sealed_slots,
)

WAY_ADDED: Final = "WAY_ADDED"
WAY_REMOVED: Final = "WAY_REMOVED"
SIGN_IN: Final = "sign-in"
"""The kind of a passkey without a slot: it signs its person in, and opens nothing to sign with."""
MOST_WAYS: Final = 12
"""More than that nobody has; each slot is opened at every act."""
_ORDER: Final = ("passkey", "passphrase", SIGN_IN, RECOVERY)
_ONE_OF: Final = frozenset({"passphrase", RECOVERY})


class LastWayError(ConsentError):
    """A key and the recovery code always stay; add another way in first."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way in.

    Attributes:
        id: of its slot, hex; for a passkey SHA-256 of its credential's id.
        kind: of its slot, or `sign-in`.
        removable: whether it can be taken away now.
        made: when, None where that was not kept.
    """

    id: str
    kind: str
    removable: bool
    made: datetime | None = None


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """What people do with their ways in."""

    store: Store
    log: Log
    enrolling: Enrolling

    def ways(self, subject: SubjectId) -> list[Way]:
        """Return a person's ways in, keys first and the newest of a kind last; none where an app has their key."""
        with self.store.reading() as unit:
            return _ways(unit, subject)

    def add(self, subject: SubjectId, way: NewWallet, challenge: bytes, now: datetime) -> None:
        """Store one more way into a person's wallet, whose enrolment key signed the challenge.

        Of `way` one slot, and its passkey where it has one. Raises `EnrolmentError` or `InvalidPasskeyError`, having
        stored nothing.
        """
        checked, [slot] = self.enrolling.held(way, challenge), require_sound_way(way)
        with self.store.begin() as unit:
            self._require_own(unit, subject, way, slot.kind)
            self.enrolling.require_new_ways(unit, way, checked)
            if slot.kind in _ONE_OF:
                _drop(unit, subject, slot.kind)
            unit.accounts.add_slots(sealed_slots(self.enrolling.vault, subject, way.slots, int(now.timestamp())))
            if checked:
                unit.accounts.add_passkey(Passkey(checked.credential, subject, checked.public_key, checked.count))
            self._note(unit, subject, WAY_ADDED, slot.kind, now)

    def removable(self, subject: SubjectId, way: str) -> Way:
        """Return a way in that can be taken away now; raise `LastWayError` where it is none."""
        with self.store.reading() as unit:
            return _removable(unit, subject, way)

    def remove(self, subject: SubjectId, way: str, session: bytes, now: datetime) -> None:
        """Take a way in away, with its passkey, and end all sessions but the one of this digest: it may have begun any.

        Raises `LastWayError`, having removed nothing.
        """
        with self.store.begin() as unit:
            found = _removable(unit, subject, way)
            unit.sessions.end_others(subject, session)
            unit.accounts.drop_slot(bytes.fromhex(way))
            for passkey in unit.accounts.passkeys(subject):
                if sha256(passkey.credential).hex() == way:
                    unit.accounts.drop_passkey(passkey.credential)
            self._note(unit, subject, WAY_REMOVED, found.kind, now)

    def sign_out_everywhere(self, subject: SubjectId) -> None:
        """End every session of a person, this one too."""
        with self.store.begin() as unit:
            unit.sessions.end_all(subject)

    def _require_own(self, unit: Unit, subject: SubjectId, way: NewWallet, kind: str) -> None:
        """Raise `EnrolmentError` where this is not the key in force, nobody's ways open it, or there are too many."""
        book, ways = self.enrolling.book, _ways(unit, subject)
        book.follow(unit)
        if subject in book.blocked:
            raise EnrolmentError("your records are being erased: no new key is made for them")
        if book.enrolments.get(subject) != way.enrolment or not ways:
            raise EnrolmentError("this is not the key that counts: load the page anew and try once more")
        staying = [one for one in ways if kind not in _ONE_OF or one.kind != kind]
        if len(staying) >= MOST_WAYS:
            raise EnrolmentError("you have many keys already: remove one that you do not need first")

    def _note(self, unit: Unit, subject: SubjectId, verdict: str, kind: str, now: datetime) -> None:
        told = Entry(int(now.timestamp()), "patient", Action.ENROL, verdict, subject, facts={"kind": kind})
        self.log.append(unit, [told])


def _ways(unit: Unit, subject: SubjectId) -> list[Way]:
    slots, passkeys = unit.accounts.slots(subject), unit.accounts.passkeys(subject)
    found = [Way(slot.id.hex(), slot.kind, _is_removable(slot, slots), _time(slot.made)) for slot in slots]
    opening, held = {way.id for way in found}, [sha256(passkey.credential).hex() for passkey in passkeys]
    found += [Way(way, SIGN_IN, removable=True) for way in held if way not in opening]
    return sorted(found, key=lambda way: (_ORDER.index(way.kind), way.made.timestamp() if way.made else 0, way.id))


def _removable(unit: Unit, subject: SubjectId, way: str) -> Way:
    found = next((one for one in _ways(unit, subject) if one.id == way), None)
    if found is None or not found.removable:
        raise LastWayError("this way in is not there, or is the last of its kind: add another first")
    return found


def _drop(unit: Unit, subject: SubjectId, kind: str) -> None:
    for slot in unit.accounts.slots(subject):
        if slot.kind == kind:
            unit.accounts.drop_slot(slot.id)


def _time(made: int | None) -> datetime | None:
    return None if made is None else datetime.fromtimestamp(made, UTC)


def _is_removable(slot: StoredSlot, slots: Sequence[StoredSlot]) -> bool:
    """Say whether another keyed way in stays; the recovery code always does."""
    return slot.kind in KEYED and sum(one.kind in KEYED for one in slots) > 1
