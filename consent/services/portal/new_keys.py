"""A new key in the place of the old one: asked for with the old key, or with two operators' approval, and cancelled.

Nothing changes for three days, and whoever has the old key sees that a new one waits and can say no.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from consent.domain.hashing import Json
from consent.domain.key_history import ASKED, CANCELLED, INVITED, WAIT_SECONDS, AskedKey, nonce_for
from consent.domain.request_file import RequestFile
from consent.domain.subject_request import RequestAction
from consent.domain.terms import SubjectId
from consent.ports import CheckedPasskey, Store, Unit
from consent.services.authorising import Authorising, NotAuthorisedError, subject_request
from consent.services.book import ConsentBook
from consent.services.log import Log
from consent.services.portal.enrolling import Enrolling, EnrolmentError, NewWallet
from consent.services.portal.key_turning import REPLACEMENT_LABEL, WaitingWallet, key_entry
from vault import Part, Vault


@dataclass(frozen=True, slots=True)
class NewKeys:
    """Takes up what is asked about people's keys."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    authorising: Authorising
    enrolling: Enrolling

    def waiting(self, subject: SubjectId) -> AskedKey | None:
        """Return the key that waits to take the place of a person's."""
        with self.store.reading() as unit:
            self.book.follow(unit)
        return self.book.history.asked.get(subject)

    def invite(self, file: RequestFile, now: datetime) -> str:
        """Return a code with which a person whose keys are lost makes a new one; two operators approved the request.

        Raises `NotAuthorisedError`, or `EnrolmentError` for somebody who has no key yet.
        """
        request, time = subject_request(file, RequestAction.REPLACE_KEY), int(now.timestamp())
        with self.store.begin() as unit:
            self.book.follow(unit)
            if request.subject not in self.book.enrolments:
                raise EnrolmentError("this person has no key here: invite them without a request")
            authorised = self.authorising.require(unit, request, file.authorisation, now)
            if authorised.by != "operator":
                raise NotAuthorisedError("who has their key makes a new one in the portal: nobody invites them")
            facts = authorised.facts
            self.log.append(unit, [key_entry(self.log, time, "operator", INVITED, request.subject, facts)])
            code = self.enrolling.code_within(unit, request.subject, now)
        self._follow()
        return code

    def replaces(self, code: bytes, now: datetime) -> SubjectId | None:
        """Return whose key a code replaces, by its digest; None where it makes somebody's first, or is none."""
        with self.store.reading() as unit:
            self.book.follow(unit)
            subject = self.enrolling.invited_within(unit, code, now)
        return subject if subject in self.book.enrolments else None

    def ask_invited(self, code: bytes, wallet: NewWallet, challenge: bytes, now: datetime) -> int:
        """Let a new key wait for somebody whom operators invited; return when it counts, in Unix seconds.

        Raises `EnrolmentError` or `InvalidPasskeyError`, having stored nothing.
        """
        checked = self.enrolling.checked(wallet, challenge)
        with self.store.begin() as unit:
            self.book.follow(unit)
            subject = self.enrolling.invited_within(unit, code, now)
            invited = subject and self.book.history.is_invited(subject, int(now.timestamp()))
            if subject is None or invited is None:
                raise EnrolmentError("this code was used, or is too old: ask the hospital for a new one")
            due = self._ask(unit, subject, wallet, checked, {"invited": invited}, now)
            unit.accounts.uninvite(subject)
        self._follow()
        return due

    def ask(
        self, subject: SubjectId, file: RequestFile, wallet: NewWallet, challenge: bytes, now: datetime
    ) -> int:  # fmt: skip
        """Let a new key wait that the key in force asks for; return when it counts, in Unix seconds.

        Raises `NotAuthorisedError`, `EnrolmentError` or `InvalidPasskeyError`, having stored nothing.
        """
        checked, request = self.enrolling.checked(wallet, challenge), subject_request(file, RequestAction.REPLACE_KEY)
        if request.subject != subject or request.nonce != nonce_for(wallet.enrolment):
            raise NotAuthorisedError("the request is about another person or another key: start again")
        with self.store.begin() as unit:
            self.book.follow(unit)
            authorised = self.authorising.require(unit, request, file.authorisation, now)
            if authorised.by != "patient":
                raise NotAuthorisedError("the key in force did not sign: start again")
            due = self._ask(unit, subject, wallet, checked, authorised.facts, now)
        self._follow()
        return due

    def cancel(self, subject: SubjectId, now: datetime) -> bool:
        """Let the key go that waits for a person; say whether there was one."""
        with self.store.begin() as unit:
            self.book.follow(unit)
            waiting = self.book.history.asked.get(subject)
            if waiting is not None:
                facts: dict[str, Json] = {"asked": waiting.index}
                time = int(now.timestamp())
                self.log.append(unit, [key_entry(self.log, time, "patient", CANCELLED, subject, facts)])
                unit.replacements.drop(subject)
        self._follow()
        return waiting is not None

    def _ask(
        self,
        unit: Unit,
        subject: SubjectId,
        wallet: NewWallet,
        checked: CheckedPasskey | None,
        why: Mapping[str, Json],
        now: datetime,
    ) -> int:
        """Keep a new wallet and write that it waits, which the authorisation in `why` allows."""
        if subject in self.book.blocked:
            raise EnrolmentError("your records are being erased: no new key is made for them")
        self.enrolling.require_nobodys(unit, wallet, checked)
        time = int(now.timestamp())
        due, new = time + WAIT_SECONDS, WaitingWallet(wallet.enrolment, wallet.slots, checked)
        [sealed] = self.vault.seal_all(REPLACEMENT_LABEL, [Part(subject, new.to_bytes(), subject.encode())])
        unit.replacements.put(subject, due, sealed)
        facts: dict[str, Json] = {"key": wallet.enrolment.hex(), "due": due, **why}
        self.log.append(unit, [key_entry(self.log, time, "patient", ASKED, subject, facts)])
        return due

    def _follow(self) -> None:
        with self.store.reading() as unit:
            self.book.follow(unit)
