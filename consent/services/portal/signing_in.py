"""Signing in: with a passkey, with the enrolment key, or with a mailed code, which lets one stop and nothing else."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from consent.domain import crockford
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.sign_in import SignIn
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import Passkeys, Store
from consent.services.book import ConsentBook
from consent.services.contacts import CONTACT, Contact, contact_of
from vault import Vault

CODE_CHARACTERS: Final = 8
CODE_SECONDS: Final = 900
TRIES: Final = 5
"""A mailed code of 40 random bits dies after so many wrong ones."""


class SignInError(ConsentError):
    """This does not sign anybody in; try once more, or take another way."""


class BeingErasedError(SignInError):
    """This is somebody who asked to be erased, so nobody signs in as them; call the hospital if that is wrong."""


@dataclass(frozen=True, slots=True)
class MailedCodes:
    """The codes that were mailed to one address, as the session that asked for them remembers them.

    Attributes:
        subjects: whom each signs in, by its keyed HMAC, hex: whoever reads that cannot try all codes.
        expires: Unix seconds.
        tries: how many wrong ones are left.
    """

    subjects: Mapping[str, str]
    expires: int
    tries: int = TRIES

    def to_json(self) -> dict[str, Json]:
        """Return what is remembered."""
        return {"subjects": dict(self.subjects), "expires": self.expires, "tries": self.tries}


@dataclass(frozen=True, slots=True)
class SigningIn:
    """Says who somebody is; `origin` is the log's name, `contact_key` 32 bytes that key the HMAC of mail addresses."""

    store: Store
    book: ConsentBook
    passkeys: Passkeys
    origin: str
    vault: Vault
    contact_key: bytes = field(repr=False)

    def by_passkey(self, answer: Mapping[str, Any], challenge: bytes) -> SubjectId:
        """Return whose passkey answered the challenge; raise `InvalidPasskeyError` or `SignInError`."""
        credential = self.passkeys.credential(answer)
        with self.store.begin() as unit:
            self.book.follow(unit)
            known = unit.accounts.passkey(credential)
            if known is None:
                raise SignInError("this key is not known here: use another, or your recovery code")
            count = self.passkeys.used(answer, challenge, known.public_key, known.count)
            unit.accounts.count_passkey(credential, count)
        return self._living(known.subject)

    def by_key(self, signature: bytes, challenge: bytes) -> SubjectId:
        """Return whose enrolment key signed the challenge; raise `SignInError`."""
        with self.store.reading() as unit:
            self.book.follow(unit)
        signer = self.book.recover(SignIn(self.origin, challenge).digest(self.book.domain), signature)
        found = None if signer is None else self._owner(signer)
        if found is None:
            raise SignInError("this code opens nobody's records here: compare it with the paper")
        return self._living(found)

    def seen(self) -> int:
        """Return how far the log is read: who signs in asks first, and `is_same_key` afterwards."""
        with self.store.reading() as unit:
            self.book.follow(unit)
            return unit.log.size()

    def is_same_key(self, subject: SubjectId, seen: int) -> bool:
        """Say whether no other key took the place of a person's since the log was `seen` so far.

        The turn of a key ends every session there is; one that the old key had just begun would come after it.
        """
        with self.store.reading() as unit:
            self.book.follow(unit)
        return self.book.history.at(subject, seen) == self.book.history.newest(subject)

    def credentials(self, subject: SubjectId) -> list[bytes]:
        """Return the ids of a person's passkeys."""
        with self.store.reading() as unit:
            return [passkey.credential for passkey in unit.accounts.passkeys(subject)]

    def set_contact(self, subject: SubjectId, address: str, language: str = "en") -> None:
        """Take codes for stopping, and notices in this language, at a mail address; an empty one deletes the last.

        It is kept under the person's key, and as a keyed HMAC for those who come without theirs. Raises `SignInError`
        for somebody who is being erased: nothing new is kept of them.
        """
        with self.store.reading() as unit:
            self.book.follow(unit)
        self._living(subject)  # before their key is asked for: it may be gone
        contact = Contact(address.strip(), language)
        sealed = self.vault.seal(subject, CONTACT, contact.to_bytes()) if contact.address else None
        with self.store.begin() as unit:
            self.book.follow(unit)
            self._living(subject)
            unit.accounts.set_contact(subject, self._mac(address) if contact.address else None, sealed)

    def contact(self, subject: SubjectId) -> str:
        """Return the mail address that a person left, empty where there is none to show; raises the vault's errors."""
        return self.letters(subject).address

    def letters(self, subject: SubjectId) -> Contact:
        """Return that address, and the language of letters to it; raises the vault's errors."""
        with self.store.reading() as unit:
            sealed = unit.accounts.contact(subject)
        return contact_of(self.vault, subject, sealed)

    def mailed_codes(self, address: str, now: datetime) -> tuple[MailedCodes, list[str]]:
        """Return what to remember, and the codes to mail: one for each person who gave this address, most often one.

        Several may share an address, and nobody who writes down another's takes the other's code away.
        """
        with self.store.reading() as unit:
            found = unit.accounts.by_contact(self._mac(address))
        codes = {secrets.randbits(5 * CODE_CHARACTERS): subject for subject in found}
        subjects = {self._digest(code): subject for code, subject in codes.items()}
        remembered = MailedCodes(subjects, int(now.timestamp()) + CODE_SECONDS)
        return remembered, [crockford.written(code, CODE_CHARACTERS) for code in codes]

    def by_mailed_code(self, typed: str, remembered: MailedCodes, now: datetime) -> SubjectId:
        """Return whom a typed code signs in; raise `SignInError`: then one try fewer is left."""
        try:
            digest = self._digest(crockford.read(typed, CODE_CHARACTERS))
        except crockford.MistypedCodeError:
            digest = ""
        alive = remembered.tries > 0 and int(now.timestamp()) < remembered.expires
        if not alive or digest not in remembered.subjects:
            raise SignInError("this is not the newest code, or it is too old: ask for a new one")
        with self.store.reading() as unit:
            self.book.follow(unit)
        return self._living(SubjectId(remembered.subjects[digest]))

    def _owner(self, key: Address) -> SubjectId | None:
        """Return whose key in force this is, or was when they asked to be erased and their records still last."""
        going = {subject: self.book.history.newest(subject) for subject in self.book.blocked - self.book.buried}
        return next((s for s, known in (*self.book.enrolments.items(), *going.items()) if known == key), None)

    def _living(self, subject: SubjectId) -> SubjectId:
        if subject in self.book.blocked:
            raise BeingErasedError("your records are being erased, so nobody can sign in: call us if this is wrong")
        return subject

    def _mac(self, address: str) -> bytes:
        return hmac.new(self.contact_key, address.strip().lower().encode(), hashlib.sha256).digest()

    def _digest(self, code: int) -> str:
        return hmac.new(self.contact_key, b"code" + code.to_bytes(5, "big"), hashlib.sha256).hexdigest()
