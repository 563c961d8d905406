"""The consent book: every signed consent, opened once and kept in memory only.

What joins a person to addresses and commitments is sealed at rest under their key, so decisions are made from here.
Each consent is rendered and checked again as it is opened: stored bytes are not believed. Every process has a book of
its own and follows the log with it: each act is an entry, in the transaction that stores the act.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Final

from consent.domain.decision import Consent, KnownGrant
from consent.domain.entry import PERMIT, Action, PlacedEntry
from consent.domain.grant import AddressCertificate
from consent.domain.key_history import KeyHistory
from consent.domain.registry_replay import Key
from consent.domain.signed_consent import SignedConsent
from consent.domain.study_acts import StudyActs
from consent.domain.telling import said
from consent.domain.terms import SubjectId, Terms
from consent.domain.typed_data import Address, Recovery, SigningDomain
from consent.ports import StoredConsent, Unit
from consent.services.acts import BEARING_ON_KEYS, COUNTED, NOT_COUNTED, UNDONE, Acts
from consent.services.projection import Standing, Standings
from vault import DecryptionError, KeyDamagedError, KeyNotFoundError, Part, Vault

LABEL = "consent"
REVOCATION_LABEL = "revocation"
_READ: Final = b'{"action":"read"'
"""How the entry of an access begins (RFC 8785 sorts names): most entries are one, and none changes the book."""


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
    """All consents by subject; `recover` and `domain` check signatures, `enrolments` are the keys in force.

    `history` says which key counted from which entry on. `buried` are those of the blocked whose identifiers have
    tombstones. `undone` are the ids of consents of which the log says that they never came on the ledger, `expired` of
    those of which it says that they ran out. `counted` are
    those who allow being counted and asked, `studies` what the log says of studies. `granted_at` and `stopped_at` are
    the indices of the entries that tell of a consent's beginning and of its end.
    """

    domain: SigningDomain
    recover: Recovery
    vault: Vault
    history: KeyHistory = field(default_factory=KeyHistory)
    enrolments: dict[SubjectId, Address] = field(default_factory=dict)
    blocked: set[SubjectId] = field(default_factory=set)
    buried: set[SubjectId] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)
    expired: set[str] = field(default_factory=set)
    counted: set[SubjectId] = field(default_factory=set)
    studies: StudyActs = field(default_factory=StudyActs)
    granted_at: dict[str, int] = field(default_factory=dict)
    stopped_at: dict[str, int] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    _by_subject: dict[SubjectId, tuple[BookEntry, ...]] = field(default_factory=dict)
    _owners: dict[Address, SubjectId] = field(default_factory=dict)
    _addresses: dict[bytes, Address] = field(default_factory=dict)
    _subjects: dict[str, SubjectId] = field(default_factory=dict)
    _keys: list[Key] = field(default_factory=list)
    _read: int = 0

    @property
    def approved(self) -> dict[str, str]:
        """SHA-256 of each study's definition as approved, hex."""
        return self.studies.approved

    @property
    def closed(self) -> set[str]:
        """Studies that were closed."""
        return self.studies.closed

    @property
    def waiting(self) -> set[str]:
        """Studies that were approved and do not ask anybody yet."""
        return self.studies.waiting

    @property
    def recruiting(self) -> frozenset[str]:
        """Studies that ask people."""
        return self.studies.recruiting

    def load(self, unit: Unit, acts: Acts) -> None:
        """Open every stored consent of subjects who are not blocked; `acts` are those of the log up to some entry.

        Enrolment keys and stops count as the log has them; `follow` takes up what came after those acts. A consent that
        does not open is left out and kept in `unreadable`: it permits nothing, and everybody else's go on.
        """
        self._read = acts.size
        self.history = acts.history.copied()
        self.blocked |= acts.blocked
        self.buried |= acts.buried
        self.undone |= acts.undone
        self.expired |= acts.expired
        self.counted |= acts.counted
        self.studies = acts.studies.copied()
        first = {consent: index for index, consent in sorted(acts.consents.items(), reverse=True)}
        self.granted_at = first | self.granted_at
        self.stopped_at |= acts.stops
        for patient in unit.patients.everyone():
            if patient.enrolment is not None and acts.keys.get(patient.subject) == patient.enrolment:
                self.enrolments[patient.subject] = patient.enrolment
            if patient.blocked:
                self.blocked.add(patient.subject)
        living = [consent for consent in unit.consents.everything() if consent.subject not in self.blocked]
        self._open([replace(consent, stopped=consent.stopped or consent.id in acts.stopped) for consent in living])

    def follow(self, unit: Unit) -> None:
        """Take up what other processes, or this one, wrote to the log since the book last looked.

        Call it at the beginning of a transaction: what is not committed yet must not get into the book.
        """
        granted: list[str] = []
        stopped: set[str] = set()
        read = self._read
        for entry in unit.log.entries(read):
            read = entry.index + 1
            if not entry.body.startswith(_READ):
                self._take(entry, said(entry) or {}, granted, stopped)
        self._stop(stopped)
        unknown = [consent_id for consent_id in granted if consent_id not in self._subjects]
        new = [consent for consent in unit.consents.of_ids(unknown) if consent.subject not in self.blocked]
        self._open([replace(consent, stopped=consent.stopped or consent.id in stopped) for consent in new])
        self._read = read  # last: what could not be taken up is read again, above all a stop

    def _take(self, entry: PlacedEntry, body: Mapping[str, Any], granted: list[str], stopped: set[str]) -> None:
        index = entry.index
        if body.get("action") in BEARING_ON_KEYS:
            self._take_key(entry, body)
        action, verdict, subject = body.get("action"), body.get("verdict"), SubjectId(str(body.get("subject", "")))
        consent = str(body.get("consent", ""))
        if (action, verdict) == (Action.GRANT, PERMIT):
            granted.append(consent)
            self.granted_at.setdefault(consent, index)
        elif action == Action.GRANT and verdict in UNDONE:
            self.undone.add(consent)
        elif (action, verdict) == (Action.STOP, "STOPPED"):
            stopped.add(consent)
            self.stopped_at.setdefault(consent, index)
        elif action == Action.EXPIRE:
            self.expired.add(consent)
        elif action == Action.PREFER and verdict in {COUNTED, NOT_COUNTED}:
            (self.counted.add if verdict == COUNTED else self.counted.discard)(subject)
        elif action == Action.APPROVE:
            self.studies.take(index, body)
        elif (action, verdict) == (Action.ERASE, "BLOCKED"):
            self.forget(subject)
        elif (action, verdict) == (Action.ERASE, "EPOCH_TURNED"):
            self.buried.add(subject)

    def _take_key(self, entry: PlacedEntry, body: Mapping[str, Any]) -> None:
        subject = SubjectId(str(body.get("subject", "")))
        before = self.history.newest(subject)
        self.history.take(entry, body)
        key = self.history.newest(subject)
        if key is not None and key != before:
            self.enrolments[subject] = key

    def _open(self, stored: Sequence[StoredConsent]) -> None:
        for consent, signed in zip(stored, self.opened(stored), strict=True):
            if signed is None:
                self.unreadable.append(consent.id)
            else:
                self.add(consent, signed)

    def opened(self, stored: Sequence[StoredConsent]) -> list[SignedConsent | None]:
        """Return what was signed of each consent, None where it does not open."""
        parts = [Part(consent.subject, consent.sealed, consent.id.encode()) for consent in stored]
        return [None if one is None else SignedConsent.from_bytes(one) for one in self._unsealed(LABEL, parts)]

    def revocations(self, stored: Sequence[StoredConsent]) -> list[bytes | None]:
        """Return the patient's own revocation of each consent, 64 bytes; None where there is none that opens."""
        parts = [Part(one.subject, one.revocation, one.id.encode()) for one in stored if one.revocation is not None]
        found = dict(zip([part.context for part in parts], self._unsealed(REVOCATION_LABEL, parts), strict=True))
        return [found.get(one.id.encode()) for one in stored]

    def _unsealed(self, label: str, parts: Sequence[Part]) -> list[bytes | None]:
        """Open parts together, or each by itself when one of them does not open."""
        if not parts:
            return []
        try:
            return list(self.vault.unseal_all(label, parts))
        except (DecryptionError, KeyNotFoundError, KeyDamagedError):
            return [None] if len(parts) == 1 else [self._unsealed(label, [part])[0] for part in parts]

    def add(self, stored: StoredConsent, signed: SignedConsent) -> None:
        """Take up one consent; whether it is certified and truly signed is found out here."""
        grant = signed.grant
        truly_signed = self.recover(grant.digest(self.domain), signed.signature) == signed.patient
        entry = BookEntry(
            id=stored.id,
            terms=signed.terms,
            commitment=grant.commitment,
            patient=signed.patient,
            certified=truly_signed and self._certified_then(stored, signed),
            entry_key=signed.entry_key,
            stopped=stored.stopped,
        )
        self.place(stored.subject, entry)

    def place(self, subject: SubjectId, entry: BookEntry) -> None:
        """Put a consent, as checked, into the book."""
        self._by_subject[subject] = (*self._by_subject.get(subject, ()), entry)
        self._subjects[entry.id] = subject
        self._owners[entry.patient] = subject
        self._addresses[entry.commitment] = entry.patient
        self._keys.append((entry.patient, entry.commitment))

    def certifies(self, subject: SubjectId, patient: Address, certificate: bytes) -> bool:
        """Say whether the subject's enrolment key in force signed for this address."""
        signer = self._certifier(subject, patient, certificate)
        return signer is not None and signer == self.enrolments.get(subject)

    def _certified_then(self, stored: StoredConsent, signed: SignedConsent) -> bool:
        """Say whether the key certified it that was in force as the consent was logged; a key that came later is none.

        Whose column names another key than the log has no key at all, as `load` says.
        """
        index = self.granted_at.get(stored.id)
        if index is None or stored.subject not in self.enrolments:
            return False
        signer = self._certifier(stored.subject, signed.patient, signed.certificate)
        return signer is not None and signer == self.history.at(stored.subject, index)

    def _certifier(self, subject: SubjectId, patient: Address, certificate: bytes) -> Address | None:
        return self.recover(AddressCertificate(subject, patient, certificate).digest(self.domain), certificate)

    def entries(self, subject: SubjectId) -> tuple[BookEntry, ...]:
        """Return a subject's consents."""
        return self._by_subject.get(subject, ())

    def owner(self, patient: Address) -> SubjectId | None:
        """Return whose address this is."""
        return self._owners.get(patient)

    def keys(self) -> list[Key]:
        """Return the address and commitment of every consent."""
        return list(self._keys)

    def keys_since(self, seen: int) -> list[Key]:
        """Return the keys that came in after the first `seen` of them."""
        return self._keys[seen:]

    def holds(self, key: Key) -> bool:
        """Say whether a commitment of an address is this installation's."""
        patient, commitment = key
        return self._addresses.get(commitment) == patient

    def everything(self) -> Iterator[tuple[SubjectId, BookEntry]]:
        """Yield every consent with its subject."""
        return ((subject, entry) for subject, entries in self._by_subject.items() for entry in entries)

    def address(self, commitment: bytes) -> Address | None:
        """Return the address that signed a commitment; the ledger takes the same one from strangers' addresses too."""
        return self._addresses.get(commitment)

    def find(self, patient: Address, commitment: bytes) -> tuple[SubjectId, BookEntry] | None:
        """Return whose consent this is, and the consent."""
        subject = self.owner(patient)
        if subject is None:
            return None
        return next(((subject, entry) for entry in self.entries(subject) if entry.commitment == commitment), None)

    def _stop(self, ids: AbstractSet[str]) -> None:
        for subject in {self._subjects[consent_id] for consent_id in ids & self._subjects.keys()}:
            self._by_subject[subject] = tuple(
                replace(entry, stopped=True) if entry.id in ids else entry for entry in self.entries(subject)
            )

    def forget(self, subject: SubjectId) -> None:
        """Drop all that joins a subject to the chain."""
        self.blocked.add(subject)
        self.counted.discard(subject)
        self.enrolments.pop(subject, None)
        for entry in self._by_subject.pop(subject, ()):
            self._owners.pop(entry.patient, None)
            self._subjects.pop(entry.id, None)

    def consent(self, subject: SubjectId, ledger: Standings) -> Consent:
        """Put together what is known of one subject's grants, with what the ledger says of each."""
        entries = self._by_subject.get(subject, ())
        grants = tuple([_known(entry, ledger(entry.patient, entry.commitment)) for entry in entries])
        return Consent(subject, grants, subject in self.blocked)


def _known(entry: BookEntry, standing: Standing) -> KnownGrant:
    expires, revoked = standing
    return KnownGrant(entry.id, entry.terms, entry.commitment, entry.certified, expires, revoked, entry.stopped)
