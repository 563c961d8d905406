"""Enrolment: a code on paper lets somebody make the key of one person's wallet, once.

The browser makes the wallet's seed, encrypts it for each way in, and proves that it holds the enrolment key. All of it
comes in one request and is stored in one transaction: nobody is left with a key and a single way to it.
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from consent.domain import crockford
from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.domain.sign_in import SignIn
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import CheckedPasskey, Invitation, Passkey, Passkeys, Store, StoredSlot, Unit
from consent.services.book import ConsentBook
from consent.services.portal.signing_in import BeingErasedError
from consent.services.records import BY_LETTER, EnrolmentKeyError, Records
from vault import Part, Vault

SLOT_LABEL: Final = "slot"
CODE_GIVEN: Final = "INVITED"
"""Verdict of the entry that says that somebody was given a code for their first key."""
CODE_CHARACTERS: Final = 20
CODE_SECONDS: Final = 14 * 86400
_CODE_BITS: Final = 5 * CODE_CHARACTERS
_TAKEN: Final = "this key is somebody's already: load the page anew and make another"
_SLOT_FIELDS: Final = {"id": 64, "salt": 64, "nonce": 24, "ciphertext": 96}
"""Hex digits of each field: 32 bytes, 32 bytes, 12 bytes, and 32 bytes with AES-GCM's tag of 16."""
KEYED: Final = frozenset({"passkey", "passphrase"})
RECOVERY: Final = "recovery"
ARGON2ID: Final = {"memory": 19456, "passes": 2, "lanes": 1}
"""Memory in KiB: OWASP's smallest for Argon2id (Password Storage Cheat Sheet), which an old phone can do."""


class EnrolmentError(ConsentError):
    """The code or the new key cannot be used, and nothing was stored; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A wallet's seed as the browser encrypted it for one way in; every field but `kind` is lower-case hex.

    Attributes:
        kind: `passkey`, `passphrase` or `recovery`.
        id: 64 digits, by which this way in finds it.
        salt: 64 digits, of the key derivation.
        nonce: 24 digits, of AES-256-GCM.
        ciphertext: 96 digits: the 32-byte seed and the tag.
    """

    kind: str
    id: str
    salt: str
    nonce: str
    ciphertext: str

    def to_json(self) -> dict[str, Any]:
        """Return the slot as JSON values, as the wallet reads it."""
        parameters = ARGON2ID if self.kind == "passphrase" else {}
        return {name: getattr(self, name) for name in self.__slots__} | {"parameters": parameters}

    @classmethod
    def from_json(cls, value: object) -> "Slot":
        """Read what `to_json` writes; raise `EnrolmentError`."""
        fields = value if isinstance(value, Mapping) else {}
        kind = fields.get("kind")
        named = isinstance(kind, str) and kind in {*KEYED, RECOVERY}
        sound = named and set(fields) == {*cls.__slots__, "parameters"}
        if not sound or not all(_is_hex(fields[name], digits) for name, digits in _SLOT_FIELDS.items()):
            raise EnrolmentError("the browser sent something else than a key: load the page anew and try once more")
        slot = cls(*(str(fields[name]) for name in cls.__slots__))
        if slot.to_json() != dict(fields):
            raise EnrolmentError("the browser sent something else than a key: load the page anew and try once more")
        return slot


@dataclass(frozen=True, slots=True)
class NewWallet:
    """What a browser hands in at enrolment.

    Attributes:
        slots: two of them, one for the recovery code; none for a key that was brought.
        enrolment: the address of the enrolment key.
        signature: by that key, over `SignIn` with the challenge, 64 bytes.
        passkey: RegistrationResponseJSON, None without a passkey.
        brought: whether the key is one that the person had before, in an app of theirs: nothing here opens it.
    """

    slots: tuple[Slot, ...]
    enrolment: Address
    signature: bytes
    passkey: Mapping[str, Any] | None = None
    brought: bool = False


@dataclass(frozen=True, slots=True)
class Enrolling:
    """Invitations, and what comes of them; `origin` is the log's name."""

    store: Store
    vault: Vault
    book: ConsentBook
    records: Records
    passkeys: Passkeys
    origin: str

    def invite(self, subject: SubjectId, now: datetime) -> str:
        """Return a new code for somebody who is enrolled and has no key yet; it takes the place of an earlier one.

        Raises `EnrolmentError`.
        """
        with self.store.begin() as unit:
            self.book.follow(unit)
            patient = unit.patients.get(subject)
            if patient is None or patient.blocked or subject in self.book.blocked:
                raise EnrolmentError("nobody such is enrolled here, or they asked to be erased: check who it is")
            if subject in self.book.enrolments:
                raise EnrolmentError("this person has a key already: they sign in with it or with the recovery code")
            invited = Entry(int(now.timestamp()), "operator", Action.ENROL, CODE_GIVEN, subject)
            self.records.log.append(unit, [invited])
            return self.code_within(unit, subject, now)

    def code_within(self, unit: Unit, subject: SubjectId, now: datetime) -> str:
        """Return a new code in a transaction that says why there may be one; an earlier one does not count any more."""
        code = secrets.randbits(_CODE_BITS)
        unit.accounts.invite(Invitation(_digest(code), subject, int(now.timestamp()) + CODE_SECONDS))
        return crockford.written(code, CODE_CHARACTERS)

    def is_enrolled(self, subject: SubjectId) -> bool:
        """Say whether a person has an enrolment key."""
        with self.store.reading() as unit:
            self.book.follow(unit)
        return subject in self.book.enrolments

    def enrolment_of(self, subject: SubjectId) -> Address:
        """Return the address of a person's enrolment key, also where another process enrolled it just now.

        Raises `EnrolmentError` for whoever has none, or is being erased.
        """
        with self.store.reading() as unit:
            self.book.follow(unit)
        if subject not in self.book.enrolments:
            raise EnrolmentError("this person has no key, or is being erased: enrol first")
        return self.book.enrolments[subject]

    def invited(self, typed: str, now: datetime) -> bytes | None:
        """Return the 32-byte digest of a code that somebody typed, None where it is none, was used or is too old."""
        try:
            digest = _digest(crockford.read(typed, CODE_CHARACTERS))
        except crockford.MistypedCodeError:
            return None
        with self.store.reading() as unit:
            self.book.follow(unit)
            return None if self.invited_within(unit, digest, now) is None else digest

    def enrol(self, code: bytes, wallet: NewWallet, challenge: bytes, now: datetime) -> SubjectId:
        """Store a wallet's slots and passkey and the enrolment key, and use the code up; return whose it is.

        `code` is its digest. Raises `EnrolmentError` or `InvalidPasskeyError`, having stored nothing.
        """
        checked = self.checked(wallet, challenge)
        with self.store.begin() as unit:
            self.book.follow(unit)
            subject = self.invited_within(unit, code, now)
            if subject is None:
                raise EnrolmentError("this code was used, or is too old: ask the hospital for a new one")
            self.require_nobodys(unit, wallet, checked)
            try:
                self.records.enrol_keys_within(unit, {subject: wallet.enrolment}, now, BY_LETTER)
            except EnrolmentKeyError as error:
                raise EnrolmentError("there is a key for you already: sign in with it") from error
            unit.accounts.uninvite(subject)
            unit.accounts.add_slots(sealed_slots(self.vault, subject, wallet.slots, int(now.timestamp())))
            if checked:
                unit.accounts.add_passkey(Passkey(checked.credential, subject, checked.public_key, checked.count))
        with self.store.reading() as unit:
            self.book.follow(unit)
        return subject

    def keep(self, subject: SubjectId, slots: Sequence[Slot], now: datetime) -> None:
        """Store more ways into the wallet of somebody who has one."""
        with self.store.begin() as unit:
            unit.accounts.add_slots(sealed_slots(self.vault, subject, slots, int(now.timestamp())))

    def slots(self, subject: SubjectId) -> list[Slot]:
        """Return a person's slots; raises the vault's errors where keys cannot be had."""
        with self.store.reading() as unit:
            return [self._opened(stored) for stored in unit.accounts.slots(subject)]

    def slot(self, slot: bytes) -> tuple[Slot, Address] | None:
        """Return a slot by its 32-byte id, with the address of the enrolment key that it opens.

        Raises `BeingErasedError` where it is of somebody who asked to be erased.
        """
        with self.store.reading() as unit:
            self.book.follow(unit)
            stored = unit.accounts.slot(slot)
            if stored is not None and stored.subject in self.book.blocked:
                raise BeingErasedError("your records are being erased, so nobody can sign in: call us if this is wrong")
            enrolment = None if stored is None else self.book.enrolments.get(stored.subject)
            return None if stored is None or enrolment is None else (self._opened(stored), enrolment)

    def checked(self, wallet: NewWallet, challenge: bytes) -> CheckedPasskey | None:
        """Return the passkey of a new wallet that is whole and whose key signed the challenge.

        Raises `EnrolmentError` or `InvalidPasskeyError`.
        """
        _require_two_ways(wallet)
        return self.held(wallet, challenge)

    def held(self, wallet: NewWallet, challenge: bytes) -> CheckedPasskey | None:
        """Return the passkey that comes with slots, whose enrolment key signed the challenge.

        Raises `EnrolmentError` or `InvalidPasskeyError`.
        """
        self._require_held(wallet, challenge)
        checked = None if wallet.passkey is None else self.passkeys.created(wallet.passkey, challenge)
        opened = [slot.id for slot in wallet.slots if slot.kind == "passkey"]
        if checked and opened not in ([], [sha256(checked.credential).hex()]):
            raise EnrolmentError("the key on this phone is another one than the one made: start again")
        return checked

    def invited_within(self, unit: Unit, digest: bytes, now: datetime) -> SubjectId | None:
        """Return whom a code lets make a key, by its digest: a first one, or another one where operators invited."""
        found = unit.accounts.invitation(digest)
        if found is None or found.expires <= int(now.timestamp()):
            return None
        invited = self.book.history.is_invited(found.subject, int(now.timestamp())) is not None
        taken = found.subject in self.book.enrolments and not invited
        return None if taken or found.subject in self.book.blocked else found.subject

    def _require_held(self, wallet: NewWallet, challenge: bytes) -> None:
        digest = SignIn(self.origin, challenge).digest(self.book.domain)
        if self.book.recover(digest, wallet.signature) != wallet.enrolment:
            raise EnrolmentError("the new key did not sign: load the page anew and try once more")

    def require_nobodys(self, unit: Unit, wallet: NewWallet, checked: CheckedPasskey | None) -> None:
        """Raise `EnrolmentError` where a key, a slot or a passkey is or was somebody's."""
        if self.book.history.is_anyones(wallet.enrolment):
            raise EnrolmentError(_TAKEN)
        self.require_new_ways(unit, wallet, checked)

    def require_new_ways(self, unit: Unit, wallet: NewWallet, checked: CheckedPasskey | None) -> None:
        """Raise `EnrolmentError` where a slot or a passkey is somebody's."""
        taken = any(unit.accounts.slot(bytes.fromhex(slot.id)) for slot in wallet.slots)
        if taken or (checked and unit.accounts.passkey(checked.credential)):
            raise EnrolmentError(_TAKEN)

    def _opened(self, stored: StoredSlot) -> Slot:
        [opened] = self.vault.unseal_all(SLOT_LABEL, [Part(stored.subject, stored.sealed, stored.id)])
        return Slot.from_json(json.loads(opened))


def sealed_slots(vault: Vault, subject: SubjectId, slots: Sequence[Slot], now: int) -> list[StoredSlot]:
    """Seal a person's slots as they are stored; `now` in Unix seconds."""
    ids = [bytes.fromhex(slot.id) for slot in slots]
    contents = [json.dumps(slot.to_json()).encode() for slot in slots]
    parts = [Part(subject, content, slot) for content, slot in zip(contents, ids, strict=True)]
    sealed = vault.seal_all(SLOT_LABEL, parts)
    return [
        StoredSlot(slot_id, subject, slot.kind, content, now)
        for slot_id, slot, content in zip(ids, slots, sealed, strict=True)
    ]


def _digest(code: int) -> bytes:
    """Return the SHA-256 of a code: with 100 random bits there is nothing to guess from it."""
    return sha256(code.to_bytes(_CODE_BITS // 8 + 1, "big"))


def require_sound_way(way: NewWallet) -> tuple[Slot]:
    """Return the one slot of a further way in; raise `EnrolmentError` for more, and for a passkey's without it."""
    match way:
        case NewWallet(slots=[Slot(kind="passkey")], passkey=None) | NewWallet(brought=True):
            pass
        case NewWallet(slots=[Slot(kind=kind) as slot], passkey=passkey) if passkey is None or kind in KEYED:
            return (slot,)
    raise EnrolmentError("the browser sent something else than a way in: load the page anew and try once more")


def _require_two_ways(wallet: NewWallet) -> None:
    if wallet.brought:
        if wallet.slots or wallet.passkey is not None:
            raise EnrolmentError("an app's key has no ways in here: load the page anew and choose one or the other")
        return
    kinds, ids = [slot.kind for slot in wallet.slots], {slot.id for slot in wallet.slots}
    if len(kinds) != 2 or len(ids) != 2 or RECOVERY not in kinds or not KEYED & set(kinds):  # noqa: PLR2004  # a key, and the way back
        raise EnrolmentError("two ways in are needed, a key and a recovery code: load the page anew and make both")
    if "passkey" in kinds and wallet.passkey is None:
        raise EnrolmentError("the key of this phone is missing: load the page anew and try once more")


def _is_hex(value: object, digits: int) -> bool:
    return isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", value) is not None
