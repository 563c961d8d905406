"""Taking in what patients sign: grants and stops. What is acknowledged here is stored, logged and on its way."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from consent.domain.details import Details, require_rendered
from consent.domain.entry import PERMIT, Action, Entry, PlacedEntry, blinded
from consent.domain.errors import ConsentError
from consent.domain.grant import PUBLISH_WITHIN_SECONDS, SIGNATURE_BYTES, AddressCertificate, Grant, SignedRevocation
from consent.domain.publication import draw_slots
from consent.domain.receipt import Receipt
from consent.domain.signed_consent import SignedConsent
from consent.domain.stop_list import Mark, MarkKind
from consent.domain.telling import said
from consent.domain.terms import SubjectId, Terms
from consent.domain.typed_data import Address
from consent.ports import Errand, OutboxItem, StopList, Store, StoredConsent, Unit
from consent.services.book import LABEL, REVOCATION_LABEL, BookEntry, ConsentBook
from consent.services.log import Log
from consent.services.outbox import OpenOutbox, Outbox
from vault import Part, Vault

PUBLISH_MARGIN_SECONDS: Final = 3600
"""A grant is due this long before its `publish_by`, so that a slow chain does not let it die."""


class GrantNotAcceptedError(ConsentError):
    """The root of what is wrong with a submitted grant; nothing of it was stored, correct it and submit again."""


class SignatureMismatchError(GrantNotAcceptedError):
    """The signature is not the address's over these details here; sign again, on this chain and contract."""


class PublishByError(GrantNotAcceptedError):
    """The time to publish has passed or is more than seven days away; sign again with a nearer one."""


class ExpiryError(GrantNotAcceptedError):
    """The grant has run out, or its expiry is not that of its terms; sign terms that end later."""


class CertificateError(GrantNotAcceptedError):
    """The address is not certified by this patient's enrolment key; certify it and submit again."""


class StudyMismatchError(GrantNotAcceptedError):
    """The terms are not about a study registered here, or allow what it does not ask; take its current request."""


class UnknownPatientError(GrantNotAcceptedError):
    """The subject is not enrolled here, has no enrolment key, or asked to be erased; enrol first."""


class RepeatedGrantError(GrantNotAcceptedError):
    """This very consent is stored already, or the address belongs to someone else; draw a new salt and address."""


class UnknownConsentError(ConsentError):
    """The subject has no such consent; list theirs and stop one of those."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a wallet hands in: the terms, the sentences it showed, and what it signed."""

    terms: Terms
    details: Details
    patient: Address
    expires: int
    publish_by: int
    signature: bytes
    certificate: AddressCertificate

    @property
    def grant(self) -> Grant:
        """The grant that must have been signed."""
        return Grant(self.details, self.patient, self.expires, self.publish_by)


@dataclass(frozen=True, slots=True)
class Granting:
    """Intake of grants and stops; `publication_window` in seconds (`consent.domain.publication`)."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    outbox: Outbox
    stops: StopList
    publication_window: int = 0

    def accept(self, submissions: Sequence[Submission], now: datetime) -> list[Receipt]:
        """Check and store grants, all or none, in one transaction; a receipt each.

        Raises a `GrantNotAcceptedError` or `DetailsMismatchError` for the first that is wrong.
        """
        with self.store.begin() as unit:
            self.book.follow(unit)
            self._check_distinct(submissions)
            for submission in submissions:
                self._check(unit, submission, now)
            stored = self._sealed(submissions)
            unit.consents.add([consent for consent, _ in stored])
            self._queue(self.outbox.on(unit), submissions, now)
            pairs = zip(submissions, stored, strict=True)
            placed = self.log.append(unit, [_entry(s, consent, signed, now) for s, (consent, signed) in pairs])
        self.catch_up()
        return [self._receipt(s, entry, now) for s, entry in zip(submissions, placed, strict=True)]

    def stop(
        self,
        subject: SubjectId,
        ids: Sequence[str],
        now: datetime,
        by: str = "patient",
        revocations: Sequence[SignedRevocation] = (),
        *,
        again: bool = True,
    ) -> list[Receipt]:
        """Stop consents at once, without the chain; a signed receipt each. Without `again`, what is stopped stays so.

        The ledger follows: with the patient's own revocation where one is given, else as the custodian's stop.
        Raises `UnknownConsentError` or `SignatureMismatchError`, having stopped nothing.
        """
        with self.store.begin() as unit:
            self.book.follow(unit)
            before = {entry.id for entry in self.book.entries(subject) if entry.stopped and not again}
            running = [consent for consent in ids if consent not in before]
            stopped = self.stop_within(unit, subject, running, now, by, revocations)
        self.catch_up()
        return [self._stop_receipt(subject, entry, by, place, now) for entry, place in stopped]

    def stop_within(
        self,
        unit: Unit,
        subject: SubjectId,
        ids: Sequence[str],
        now: datetime,
        by: str,
        revocations: Sequence[SignedRevocation] = (),
    ) -> list[tuple[BookEntry, PlacedEntry]]:
        """Stop consents in a transaction that follows the book; they are on the stop list when this returns.

        A transaction that fails after that leaves a stop that somebody asked for: the next opening carries it out.
        """
        signed = {revocation.commitment: revocation for revocation in revocations}
        stopping = self._entries(subject, ids)
        self._check_revocations(stopping, signed)
        unit.consents.stop([entry.id for entry in stopping], self._sealed_revocations(subject, stopping, signed))
        waiting = self.outbox.on(unit)
        waiting.remove(Errand.GRANT, [(entry.patient, entry.commitment) for entry in stopping])
        slots = self._slots(waiting, subject, [None] * len(stopping), now)
        pairs = zip(stopping, slots, strict=True)
        waiting.add(subject, [_revoking(entry, signed.get(entry.commitment), due) for entry, due in pairs])
        placed = self.log.append(unit, [_stop_entry(subject, entry, by, now) for entry in stopping])
        if stopping:
            time = int(now.timestamp())
            self.stops.append([Mark(MarkKind.STOP, time, subject, entry.id) for entry in stopping])
        return list(zip(stopping, placed, strict=True))

    def receipt_of(self, unit: Unit, subject: SubjectId, entry: BookEntry, index: int) -> Receipt:
        """Return the receipt of a grant or a stop again, from its entry at `index`."""
        [placed] = unit.log.entries(index, index + 1)
        told = said(placed) or {}
        action, by, then = str(told["action"]), str(told["actor"]), datetime.fromtimestamp(told["time"], UTC)
        return self._signed(subject, action, entry.commitment, entry.patient, by, placed, then)

    def catch_up(self) -> None:
        """Take into the book what is committed; another process's acts too."""
        self.store.forget_order()
        with self.store.reading() as unit:
            self.book.follow(unit)

    def _entries(self, subject: SubjectId, ids: Sequence[str]) -> list[BookEntry]:
        entries = {entry.id: entry for entry in self.book.entries(subject)}
        if not set(ids) <= set(entries):
            raise UnknownConsentError("the subject has no such consent: list theirs and stop one of those")
        return [entries[consent_id] for consent_id in dict.fromkeys(ids)]

    def _queue(self, waiting: OpenOutbox, submissions: Sequence[Submission], now: datetime) -> None:
        """Queue each person's grants in slots of their own."""
        by_person = sorted(submissions, key=lambda submission: submission.terms.subject)
        for subject, group in groupby(by_person, key=lambda submission: submission.terms.subject):
            theirs = list(group)
            limits = [submission.publish_by - PUBLISH_MARGIN_SECONDS for submission in theirs]
            slots = self._slots(waiting, subject, limits, now)
            waiting.add(subject, [_errand(submission, due) for submission, due in zip(theirs, slots, strict=True)])

    def _slots(
        self, waiting: OpenOutbox, subject: SubjectId, latest: Sequence[int | None], now: datetime
    ) -> list[int]:  # fmt: skip
        """Draw a publication slot for each item, apart from all that waits for this person."""
        taken = waiting.slots(subject)
        return draw_slots(int(now.timestamp()), self.publication_window, latest, taken, secrets.randbelow)

    def _check(self, unit: Unit, submission: Submission, now: datetime) -> None:
        require_rendered(submission.terms, submission.details)
        self._check_study(unit, submission.terms)
        _check_times(submission, now)
        self._check_person(submission)
        if len(submission.signature) != SIGNATURE_BYTES or len(submission.certificate.signature) != SIGNATURE_BYTES:
            raise SignatureMismatchError("signatures are 64 bytes, as EIP-2098 writes them")
        if self.book.recover(submission.grant.digest(self.book.domain), submission.signature) != submission.patient:
            raise SignatureMismatchError(
                "the grant is not signed by its address for this chain and contract: sign it again"
            )
        self._check_certificate(submission)

    def _check_study(self, unit: Unit, terms: Terms) -> None:
        study = unit.studies.get(terms.study.id) if terms.study.id in self.book.recruiting else None
        read = study and study.read_in(terms.language)
        if study is None or read is None or read.reference != terms.study or read.text_hash != terms.text_hash:
            raise StudyMismatchError("the terms name no study as it is registered here: take its current request")
        if not (terms.operations <= study.operations and terms.categories <= study.required | study.optional):
            raise StudyMismatchError("the terms allow more than the study asks for: take its current request")

    def _check_person(self, submission: Submission) -> None:
        subject = submission.terms.subject
        if subject in self.book.blocked or subject not in self.book.enrolments:
            raise UnknownPatientError("the subject is not enrolled here with a key: enrol first")
        if self.book.address(submission.details.commitment) is not None:
            raise RepeatedGrantError("this consent is stored already: draw a new salt to give another")
        if self.book.owner(submission.patient) not in {None, subject}:
            raise RepeatedGrantError("the address belongs to someone else: use one of the patient's own")

    def _check_certificate(self, submission: Submission) -> None:
        certificate, subject = submission.certificate, submission.terms.subject
        same = certificate.subject == subject and certificate.patient == submission.patient
        if not (same and self.book.certifies(subject, certificate.patient, certificate.signature)):
            raise CertificateError("the address is not certified by this patient's enrolment key: certify it first")

    def _check_distinct(self, submissions: Sequence[Submission]) -> None:
        if len({submission.details.commitment for submission in submissions}) != len(submissions):
            raise RepeatedGrantError("one consent is in this batch twice: submit it once")
        owners: dict[Address, SubjectId] = {}
        for submission in submissions:
            if owners.setdefault(submission.patient, submission.terms.subject) != submission.terms.subject:
                raise RepeatedGrantError("one address is in this batch for two people: use each patient's own")

    def _check_revocations(self, stopping: Sequence[BookEntry], signed: dict[bytes, SignedRevocation]) -> None:
        patients = {entry.commitment: entry.patient for entry in stopping}
        for commitment, revocation in signed.items():
            signer = self.book.recover(revocation.digest(self.book.domain), revocation.signature)
            if signer is None or not signer == revocation.patient == patients.get(commitment):
                raise SignatureMismatchError("the revocation is not signed by the consent's address: sign it again")

    def _sealed(self, submissions: Sequence[Submission]) -> list[tuple[StoredConsent, SignedConsent]]:
        """Seal each consent under its subject's key and a random id."""
        signed = [_signed_consent(submission) for submission in submissions]
        ids = [secrets.token_hex(16) for _ in signed]
        parts = [
            Part(consent.terms.subject, consent.to_bytes(), consent_id.encode())
            for consent, consent_id in zip(signed, ids, strict=True)
        ]
        stored = [
            StoredConsent(consent_id, SubjectId(part.subject), sealed)
            for consent_id, part, sealed in zip(ids, parts, self.vault.seal_all(LABEL, parts), strict=True)
        ]
        return list(zip(stored, signed, strict=True))

    def _sealed_revocations(
        self, subject: SubjectId, stopping: Sequence[BookEntry], signed: dict[bytes, SignedRevocation]
    ) -> dict[str, bytes]:
        """Seal what the patient signed, by consent: a turn of the epoch takes what waits in the outbox."""
        parts = {
            entry.id: Part(subject, signed[entry.commitment].signature, entry.id.encode())
            for entry in stopping
            if entry.commitment in signed
        }
        return dict(zip(parts, self.vault.seal_all(REVOCATION_LABEL, list(parts.values())), strict=True))

    def _receipt(self, submission: Submission, entry: PlacedEntry, now: datetime) -> Receipt:
        commitment, patient = submission.details.commitment, submission.patient
        return self._signed(submission.terms.subject, "grant", commitment, patient, "patient", entry, now)

    def _stop_receipt(
        self, subject: SubjectId, stopped: BookEntry, by: str, entry: PlacedEntry, now: datetime
    ) -> Receipt:
        return self._signed(subject, "stop", stopped.commitment, stopped.patient, by, entry, now)

    def _signed(
        self, subject: SubjectId, action: str, commitment: bytes, patient: Address, by: str, entry: PlacedEntry,
        now: datetime,
    ) -> Receipt:  # fmt: skip
        return self.log.receipt(
            Receipt(
                origin=self.log.origin,
                action=action,
                subject=subject,
                commitment=commitment.hex(),
                patient=patient.hex(),
                by=by,
                time=int(now.timestamp()),
                index=entry.index,
                leaf=entry.leaf.hex(),
            )
        )


def _signed_consent(submission: Submission) -> SignedConsent:
    return SignedConsent(
        terms=submission.terms,
        salt=submission.details.salt,
        patient=submission.patient,
        expires=submission.expires,
        publish_by=submission.publish_by,
        signature=submission.signature,
        certificate=submission.certificate.signature,
        entry_key=secrets.token_bytes(32),
    )


def _check_times(submission: Submission, now: datetime) -> None:
    seconds = now.timestamp()
    if submission.expires != int(submission.terms.expires.timestamp()):
        raise ExpiryError("the grant's expiry is not that of its terms: sign the same moment in both")
    if submission.expires <= seconds:
        raise ExpiryError("the grant has run out: sign terms that end later")
    if not seconds < submission.publish_by <= seconds + PUBLISH_WITHIN_SECONDS:
        raise PublishByError("the time to publish lies in the past or more than seven days ahead: sign again")


def _errand(submission: Submission, due: int) -> OutboxItem:
    return OutboxItem(
        Errand.GRANT,
        submission.patient,
        submission.details.commitment,
        submission.expires,
        submission.publish_by,
        submission.signature,
        due,
    )


def _revoking(entry: BookEntry, signed: SignedRevocation | None, due: int) -> OutboxItem:
    if signed is None:
        return OutboxItem(Errand.STOP, entry.patient, entry.commitment, due=due)
    return OutboxItem(Errand.REVOKE, entry.patient, entry.commitment, signature=signed.signature, due=due)


def _entry(submission: Submission, consent: StoredConsent, signed: SignedConsent, now: datetime) -> Entry:
    return Entry(
        time=int(now.timestamp()),
        actor="patient",
        action=Action.GRANT,
        verdict=PERMIT,
        subject=consent.subject,
        study=submission.terms.study.id,
        categories=tuple(sorted(submission.terms.categories)),
        consent=consent.id,
        private=blinded(signed.entry_key, submission.details.commitment, submission.patient),
    )


def _stop_entry(subject: SubjectId, stopped: BookEntry, by: str, now: datetime) -> Entry:
    return Entry(
        time=int(now.timestamp()),
        actor=by,
        action=Action.STOP,
        verdict="STOPPED",
        subject=subject,
        study=stopped.terms.study.id,
        consent=stopped.id,
        private=blinded(stopped.entry_key, stopped.commitment, stopped.patient),
    )
