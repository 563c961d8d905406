"""The staff: operators and auditors who sign in with a passkey. The log knows them by a name and says what changes.

A code on paper lets somebody make a passkey under a name, once and within a day; of the code a digest is kept.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from consent.domain import crockford
from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.ports import Passkeys, StaffInvitation, StaffPasskey, Store, StoredStaff, Unit
from consent.services.desk.callers import STAFF_ROLES, Role
from consent.services.desk.ended import REMOVED, Ended
from consent.services.desk.judging import standing_member
from consent.services.log import Log

INVITED, ENROLLED, SIGNED_IN = "INVITED", "ENROLLED", "SIGNED_IN"
CODE_CHARACTERS: Final = 20
CODE_SECONDS: Final = 24 * 3600
_CODE_BITS: Final = 5 * CODE_CHARACTERS
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class StaffError(ConsentError):
    """This cannot be done with the staff; the message says what to change."""


class UnknownStaffError(ConsentError):
    """Nobody of this name is on the staff; `consentry staff list` shows who is."""


class StaffSignInError(ConsentError):
    """This signs nobody in; use the passkey that was made here, or ask an operator for an invitation."""


@dataclass(frozen=True, slots=True)
class ListedStaff:
    """A member of the staff as operators see it: with how many passkeys, and `stands` until they are removed."""

    name: str
    role: Role
    created: int
    stands: bool
    passkeys: int


@dataclass(frozen=True, slots=True)
class Staff:
    """Invites, enrols, signs in and removes; `passkeys` are those of the API's host."""

    store: Store
    log: Log
    passkeys: Passkeys
    clock: Callable[[], datetime]
    ended: Ended = field(default_factory=Ended)

    def invite(self, name: str, role: Role) -> str:
        """Return a code with which one makes a passkey under a name within a day; an earlier code does not count then.

        Somebody new gets this role; who is on the staff keeps theirs and adds a passkey. Raises `StaffError`: also for
        another role, and for the name of somebody who was removed, which is never given again.
        """
        _require_sound(name, role)
        code, now = secrets.randbits(_CODE_BITS), self._now()
        with self.store.begin() as unit:
            self._require_place(unit, StoredStaff(name, role.value, now))
            unit.staff.invite(StaffInvitation(_digest(code), name, now + CODE_SECONDS))
            self._say(unit, "operator", INVITED, name, role.value)
        return crockford.written(code, CODE_CHARACTERS)

    def invited(self, typed: str) -> bytes | None:
        """Return the 32-byte digest of a code that somebody typed, None where it is none, was used or is too old."""
        try:
            digest = _digest(crockford.read(typed, CODE_CHARACTERS))
        except crockford.MistypedCodeError:
            return None
        with self.store.reading() as unit:
            return None if self._invited(unit, digest) is None else digest

    def enrol(self, code: bytes, answer: Mapping[str, Any], challenge: bytes) -> str:
        """Store the passkey that a browser made, and use the code up, by its digest; return whose passkey it is.

        Raises `StaffSignInError` or `InvalidPasskeyError`, having stored nothing.
        """
        checked = self.passkeys.created(answer, challenge)
        with self.store.begin() as unit:
            member = self._invited(unit, code)
            if member is None:
                raise StaffSignInError("this code was used, or is too old: ask an operator for a new one")
            if unit.staff.passkey(checked.credential) is not None:
                raise StaffSignInError("this passkey is somebody's already: make another")
            unit.staff.uninvite(member.name)
            passkey = StaffPasskey(checked.credential, member.name, checked.public_key, checked.count)
            unit.staff.add_passkey(passkey)
            self._say(unit, member.role, ENROLLED, member.name, member.role)
        return member.name

    def sign_in(self, answer: Mapping[str, Any], challenge: bytes) -> tuple[str, Role]:
        """Return whose passkey answered the challenge, and their role.

        Raises `StaffSignInError` or `InvalidPasskeyError`.
        """
        credential = self.passkeys.credential(answer)
        with self.store.begin() as unit:
            self.ended.follow(unit)
            known = unit.staff.passkey(credential)
            member = None if known is None else standing_member(unit, self.ended, known.name)
            if known is None or member is None:
                raise StaffSignInError("this passkey is not known here: use another, or ask an operator")
            count = self.passkeys.used(answer, challenge, known.public_key, known.count)
            unit.staff.count_passkey(credential, count)
            self._say(unit, member.role, SIGNED_IN, member.name, member.role)
        return member.name, Role(member.role)

    def standing(self, name: str) -> Role | None:
        """Return the role of somebody who is on the staff now; ask at each request, whatever a session remembers."""
        with self.store.reading() as unit:
            self.ended.follow(unit)
            member = standing_member(unit, self.ended, name)
        return None if member is None else Role(member.role)

    def credentials(self, name: str) -> list[bytes]:
        """Return the ids of somebody's passkeys."""
        with self.store.reading() as unit:
            return [passkey.credential for passkey in unit.staff.passkeys(name)]

    def name_of(self, code: bytes) -> str | None:
        """Return under which name a code lets one make a passkey, by its digest; None where it counts no more."""
        with self.store.reading() as unit:
            member = self._invited(unit, code)
        return None if member is None else member.name

    def remove(self, name: str) -> None:
        """Take somebody off the staff for good, with passkeys, invitation and tokens; raise `UnknownStaffError`."""
        with self.store.begin() as unit:
            self.ended.follow(unit)
            member = standing_member(unit, self.ended, name)
            if member is None:
                raise UnknownStaffError("nobody of this name is on the staff: `consentry staff list` shows who is")
            unit.staff.remove(name, self._now())
            unit.api_tokens.drop_of_staff(name)
            self._say(unit, "operator", REMOVED, name, member.role)

    def listed(self) -> Sequence[ListedStaff]:
        """Return everybody who is or was on the staff, in the order of their names."""
        with self.store.reading() as unit:
            self.ended.follow(unit)
            return [self._listed(unit, member) for member in unit.staff.everyone()]

    def _require_place(self, unit: Unit, new: StoredStaff) -> None:
        """See that somebody new is on the staff, or is there already in this role."""
        self.ended.follow(unit)
        if unit.staff.get(new.name) is None:
            unit.staff.add(new)
        member = standing_member(unit, self.ended, new.name)
        if member is None:
            raise StaffError("somebody of this name was on the staff and was removed: choose another name")
        if member.role != new.role:
            raise StaffError("somebody of this name is on the staff in another role: choose another name")

    def _invited(self, unit: Unit, code: bytes) -> StoredStaff | None:
        self.ended.follow(unit)
        found = unit.staff.invitation(code)
        alive = found is not None and self._now() < found.expires
        return standing_member(unit, self.ended, found.name) if found is not None and alive else None

    def _listed(self, unit: Unit, member: StoredStaff) -> ListedStaff:
        stands = standing_member(unit, self.ended, member.name) is not None
        passkeys = len(unit.staff.passkeys(member.name))
        return ListedStaff(member.name, Role(member.role), member.created, stands, passkeys)

    def _say(self, unit: Unit, actor: str, verdict: str, name: str, role: str) -> None:
        facts = {"name": name, "role": role}
        self.log.append(unit, [Entry(self._now(), actor, Action.STAFF, verdict, facts=facts)])

    def _now(self) -> int:
        return int(self.clock().timestamp())


def _require_sound(name: str, role: Role) -> None:
    if not _NAME.fullmatch(name):
        raise StaffError("a name is 1 to 63 lower-case letters, digits and hyphens: choose another")
    if role not in STAFF_ROLES:
        raise StaffError("the staff are operators and auditors: researchers and clinicians have clients")


def _digest(code: int) -> bytes:
    """Return the SHA-256 of a code: with 100 random bits there is nothing to guess from it."""
    return sha256(code.to_bytes(_CODE_BITS // 8 + 1, "big"))
