"""The consent book: every signed consent, opened once and kept in memory only.

What joins a person to addresses and commitments is sealed at rest under their key, so decisions are made from here.
Each consent is rendered and checked again as it is opened: stored bytes are not believed.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from consent.domain.decision import Consent, KnownGrant
from consent.domain.details import render
from consent.domain.grant import AddressCertificate, Grant
from consent.domain.hashing import Json, canonical_json
from consent.domain.terms import SubjectId, Terms
from consent.domain.typed_data import Address, SigningDomain
from consent.ports import ProjectedGrant, Recovery, StoredConsent, Unit
from consent.services.acts import read_acts
from vault import DecryptionError, KeyDamagedError, KeyNotFoundError, Part, Vault

LABEL = "consent"


@dataclass(frozen=True, slots=True)
class SignedConsent:
    """What a patient handed in: terms, salt, signed grant and address certificate.

    `entry_key` is 32 random bytes that blind the consent in the log; it dies with the subject's key.
    """

    terms: Terms
    salt: bytes
    patient: Address
    expires: int
    publish_by: int
    signature: bytes
    certificate: bytes
    entry_key: bytes

    @property
    def grant(self) -> Grant:
        """The grant over the sentences that the terms render."""
        return Grant(render(self.terms, self.salt), self.patient, self.expires, self.publish_by)

    def to_bytes(self) -> bytes:
        """Return canonical JSON, bytes in hex: what is sealed."""
        value: dict[str, Json] = {"terms": self.terms.to_json(), "expires": self.expires, "publish_by": self.publish_by}
        for name in ("salt", "patient", "signature", "certificate", "entry_key"):
            value[name] = getattr(self, name).hex()
        return canonical_json(value)

    @classmethod
    def from_bytes(cls, opened: bytes) -> "SignedConsent":
        """Read what `to_bytes` wrote."""
        value = json.loads(opened)
        return cls(
            terms=Terms.from_json(value["terms"]),
            salt=bytes.fromhex(value["salt"]),
            patient=Address(bytes.fromhex(value["patient"])),
            expires=value["expires"],
            publish_by=value["publish_by"],
            signature=bytes.fromhex(value["signature"]),
            certificate=bytes.fromhex(value["certificate"]),
            entry_key=bytes.fromhex(value["entry_key"]),
        )


@dataclass(frozen=True, slots=True)
class BookEntry:
    """A consent as the gate needs it."""

    id: str
    terms: Terms
    commitment: bytes
    patient: Address
    certified: bool
    entry_key: bytes
    stopped: bool = False


@dataclass(slots=True)
class ConsentBook:
    """All consents by subject; `recover` and `domain` check signatures, `enrolments` are the subjects' keys."""

    domain: SigningDomain
    recover: Recovery
    enrolments: dict[SubjectId, Address] = field(default_factory=dict)
    blocked: set[SubjectId] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)
    _by_subject: dict[SubjectId, tuple[BookEntry, ...]] = field(default_factory=dict)
    _owners: dict[Address, SubjectId] = field(default_factory=dict)
    _addresses: dict[bytes, Address] = field(default_factory=dict)

    def load(self, unit: Unit, vault: Vault) -> None:
        """Open every stored consent of subjects who are not blocked.

        Enrolment keys and stops count as the log has them. A consent that does not open is left out and kept in
        `unreadable`: it permits nothing, and everybody else's go on.
        """
        acts = read_acts(unit.log)
        self.blocked |= acts.blocked
        for patient in unit.patients.everyone():
            if patient.enrolment is not None and acts.keys.get(patient.subject) == patient.enrolment:
                self.enrolments[patient.subject] = patient.enrolment
            if patient.blocked:
                self.blocked.add(patient.subject)
        living = [consent for consent in unit.consents.everything() if consent.subject not in self.blocked]
        self._open(
            [replace(consent, stopped=consent.stopped or consent.id in acts.stopped) for consent in living], vault
        )

    def _open(self, stored: Sequence[StoredConsent], vault: Vault) -> None:
        """Open consents together, or each by itself when one of them does not open."""
        parts = [Part(consent.subject, consent.sealed, consent.id.encode()) for consent in stored]
        try:
            opened = vault.unseal_all(LABEL, parts)
        except (DecryptionError, KeyNotFoundError, KeyDamagedError):
            if len(stored) == 1:
                self.unreadable.append(stored[0].id)
                return
            for consent in stored:
                self._open([consent], vault)
            return
        for consent, content in zip(stored, opened, strict=True):
            self.add(consent, SignedConsent.from_bytes(content))

    def add(self, stored: StoredConsent, signed: SignedConsent) -> None:
        """Take up one consent; whether it is certified and truly signed is found out here."""
        grant = signed.grant
        truly_signed = self.recover(grant.digest(self.domain), signed.signature) == signed.patient
        entry = BookEntry(
            id=stored.id,
            terms=signed.terms,
            commitment=grant.commitment,
            patient=signed.patient,
            certified=truly_signed and self.certifies(stored.subject, signed.patient, signed.certificate),
            entry_key=signed.entry_key,
            stopped=stored.stopped,
        )
        self._by_subject[stored.subject] = (*self._by_subject.get(stored.subject, ()), entry)
        self._owners[entry.patient] = stored.subject
        self._addresses[entry.commitment] = entry.patient

    def certifies(self, subject: SubjectId, patient: Address, certificate: bytes) -> bool:
        """Say whether the subject's enrolment key signed for this address."""
        digest = AddressCertificate(subject, patient, certificate).digest(self.domain)
        signer = self.recover(digest, certificate)
        return signer is not None and signer == self.enrolments.get(subject)

    def entries(self, subject: SubjectId) -> tuple[BookEntry, ...]:
        """Return a subject's consents."""
        return self._by_subject.get(subject, ())

    def owner(self, patient: Address) -> SubjectId | None:
        """Return whose address this is."""
        return self._owners.get(patient)

    def commitments(self) -> frozenset[bytes]:
        """Return the commitments of all these consents."""
        return frozenset(self._addresses)

    def address(self, commitment: bytes) -> Address | None:
        """Return the address that signed a commitment; the ledger takes the same one from strangers' addresses too."""
        return self._addresses.get(commitment)

    def find(self, patient: Address, commitment: bytes) -> tuple[SubjectId, BookEntry] | None:
        """Return whose consent this is, and the consent."""
        subject = self.owner(patient)
        if subject is None:
            return None
        return next(((subject, entry) for entry in self.entries(subject) if entry.commitment == commitment), None)

    def stop(self, subject: SubjectId, ids: Iterable[str]) -> None:
        """Mark consents as stopped: the next decision refuses."""
        stopped = set(ids)
        self._by_subject[subject] = tuple(
            replace(entry, stopped=True) if entry.id in stopped else entry for entry in self.entries(subject)
        )

    def forget(self, subject: SubjectId) -> None:
        """Drop all that joins a subject to the chain."""
        self.blocked.add(subject)
        self.enrolments.pop(subject, None)
        for entry in self._by_subject.pop(subject, ()):
            self._owners.pop(entry.patient, None)

    def consent(self, subject: SubjectId, ledger: dict[tuple[Address, bytes], ProjectedGrant]) -> Consent:
        """Put together what is known of one subject's grants, with what the ledger says of each."""
        grants = tuple(_known(entry, ledger.get((entry.patient, entry.commitment))) for entry in self.entries(subject))
        return Consent(subject, grants, blocked=subject in self.blocked)


def _known(entry: BookEntry, seen: ProjectedGrant | None) -> KnownGrant:
    return KnownGrant(
        consent=entry.id,
        terms=entry.terms,
        commitment=entry.commitment,
        certified=entry.certified,
        expires=seen.expires if seen else None,
        revoked=seen is not None and seen.revoked_block is not None,
        stopped=entry.stopped,
    )
