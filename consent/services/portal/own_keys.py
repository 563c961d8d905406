"""A person's ways in: what there is, taking one away, and signing out everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.domain.terms import SubjectId
from consent.ports import Store, StoredSlot
from consent.services.log import Log
from consent.services.portal.enrolling import KEYED

WAY_REMOVED = "WAY_REMOVED"


class LastWayError(ConsentError):
    """A key and the recovery code always stay; add another way in first."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way in: the id of its slot, hex, what kind it is, and whether it can be taken away now."""

    id: str
    kind: str
    removable: bool


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """What people do with their ways in."""

    store: Store
    log: Log

    def ways(self, subject: SubjectId) -> list[Way]:
        """Return a person's ways in, keys first."""
        with self.store.reading() as unit:
            slots = unit.accounts.slots(subject)
        found = [Way(slot.id.hex(), slot.kind, _is_removable(slot, slots)) for slot in slots]
        return sorted(found, key=lambda way: (way.kind not in KEYED, way.kind, way.id))

    def remove(self, subject: SubjectId, way: str, now: datetime) -> None:
        """Take a way in away, with its passkey; raise `LastWayError`, having removed nothing."""
        with self.store.begin() as unit:
            slots = unit.accounts.slots(subject)
            slot = next((one for one in slots if one.id.hex() == way), None)
            if slot is None or not _is_removable(slot, slots):
                raise LastWayError("this way in is not there, or is the last of its kind: add another first")
            unit.accounts.drop_slot(slot.id)
            for passkey in unit.accounts.passkeys(subject):
                if sha256(passkey.credential) == slot.id:
                    unit.accounts.drop_passkey(passkey.credential)
            told = Entry(int(now.timestamp()), "patient", Action.ENROL, WAY_REMOVED, subject, facts={"kind": slot.kind})
            self.log.append(unit, [told])

    def sign_out_everywhere(self, subject: SubjectId) -> None:
        """End every session of a person, this one too."""
        with self.store.begin() as unit:
            unit.sessions.end_all(subject)


def _is_removable(slot: StoredSlot, slots: Sequence[StoredSlot]) -> bool:
    """Say whether another keyed way in stays; the recovery code always does."""
    return slot.kind in KEYED and sum(one.kind in KEYED for one in slots) > 1
