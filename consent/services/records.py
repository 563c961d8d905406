"""Importing records: people are enrolled under keyed HMACs of their identifiers, their resources sealed as received."""

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.stop_list import Mark, MarkKind
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import Patient, StopList, Store, Unit
from consent.services.book import ConsentBook
from consent.services.log import Log
from consent.services.received import Attachment, Imported, Person, ReceivedResource, Source, require_identifier
from vault import Deposit, Deposited, Outcome, Vault

BY_LETTER, BY_HAND = "letter", "by hand"
"""How it was checked whose key is enrolled: by the code in a letter that was handed over; by whoever runs the house."""
_WRITTEN: Final = frozenset({Outcome.STORED, Outcome.REPLACED})


class EnrolmentKeyError(ConsentError):
    """The subject is unknown, blocked or has an enrolment key already; nothing was stored, enrol who has none."""


class UnknownPersonError(ConsentError):
    """Nobody is enrolled under this identifier, or they were erased; import their records first."""


class LostIdentifierError(ConsentError):
    """Somebody who is being erased is known by no identifier since a restore; say who with `consentry identify`."""


class NoTombstoneError(ConsentError):
    """Nobody was erased under this identifier; import their records as anybody's."""


@dataclass(slots=True)
class _Found:
    """Whom a batch is about: subject by person, None for those who are refused."""

    subjects: dict[Person, SubjectId | None] = field(default_factory=dict)
    newcomers: list[SubjectId] = field(default_factory=list)
    named: dict[bytes, SubjectId] = field(default_factory=dict)
    erased: set[Person] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Records:
    """Intake of records.

    Attributes:
        identifier_key: 32 bytes; keys the HMAC under which outside identifiers are kept.
        supersedes: says of a new resource and the stored one of its name whether the new one is to replace it.
    """

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    stops: StopList
    identifier_key: bytes
    supersedes: Callable[[bytes, bytes], bool]

    def deposit(self, received: Sequence[ReceivedResource], now: datetime) -> Imported:
        """Seal resources in one transaction. Who is not enrolled yet is enrolled, with a key of their own.

        What is stored already changes nothing, so an import can be repeated from its start.
        """
        with self.store.begin() as unit:
            self.book.follow(unit)
            found = self._found(unit, dict.fromkeys(resource.person for resource in received))
            self._enrol(unit, found, now)
            keyless = self.vault.keys.keyless({s for s in found.subjects.values() if s is not None})
            taken = [(s, r) for r in received if (s := found.subjects[r.person]) is not None and s not in keyless]
            deposits = [
                Deposit(subject, r.category.value, r.content, r.name, withdrawn=r.withdrawn) for subject, r in taken
            ]
            done = self.vault.deposit(unit.connection, deposits, lambda new, old: self.supersedes(new.content, old))
            changed = [(subject, r) for (subject, r), one in zip(taken, done, strict=True) if one.outcome in _WRITTEN]
            self.log.append(unit, _entries(changed, now))
        refused = Counter(r.person in found.erased for r in received if found.subjects[r.person] is None)
        return Imported(
            frozenset(subject for subject, _ in taken),
            Counter(one.outcome for one in done),
            erased=refused[True],
            mixed=refused[False],
            keyless=len(received) - len(taken) - refused.total(),
        )

    def attach(self, identifier: str, attachment: Attachment, stream: Iterable[bytes], now: datetime) -> Deposited:
        """Seal a stream of bytes of any length behind a DocumentReference of a person who is enrolled.

        Raises `UnknownPersonError`, `IdentifierError`; whatever the stream raises leaves nothing behind.
        """
        mac = self._mac(require_identifier(identifier))
        with self.store.begin() as unit:
            self.book.follow(unit)
            [patient] = unit.patients.by_identifier([mac]).values() or [None]
            if patient is None or patient.subject in self.book.blocked:
                raise UnknownPersonError(
                    "nobody is enrolled under this identifier: import their records first, unless they were erased"
                )
            deposit = Deposit(
                patient.subject, attachment.category, attachment.header(), f"DocumentReference/{attachment.name}"
            )
            done = self.vault.attach(unit.connection, deposit, stream)
            if done.outcome in _WRITTEN:
                categories = (attachment.category.value,)
                time = int(now.timestamp())
                self.log.append(
                    unit, [Entry(time, "operator", Action.IMPORT, "SEALED", patient.subject, categories=categories)]
                )
        return done

    def subject_of(self, identifier: str) -> SubjectId | None:
        """Return whom the hospital knows by an identifier that somebody typed, None when nobody is enrolled under it.

        Raises `IdentifierError`.
        """
        return self.subjects_of([require_identifier(identifier)]).get(identifier)

    def subjects_of(self, identifiers: Sequence[str]) -> dict[str, SubjectId]:
        """Return whom the hospital knows by these identifiers; those of nobody are missing."""
        macs = {self._mac(identifier): identifier for identifier in identifiers}
        with self.store.reading() as unit:
            found = unit.patients.by_identifier(list(macs))
        return {macs[mac]: patient.subject for mac, patient in found.items()}

    def known_by(self, source: Source) -> Callable[[str], Person | None]:
        """Return the function that says who a reference of a source is here: `Patient/7`, or a search by identifier."""

        def known(reference: str) -> Person | None:
            _, searched, identifier = reference.partition("Patient?identifier=")
            name = identifier if searched else source.identifier(reference)
            return (name,) if self.subjects_of([name]) else None

        return known

    def is_enrolled(self, subject: SubjectId) -> bool:
        """Say whether there is such a subject here."""
        with self.store.reading() as unit:
            return unit.patients.get(subject) is not None

    def lost(self, unit: Unit) -> list[SubjectId]:
        """Return who is being erased and was forgotten by a restore: an import would take them for somebody new."""
        unburied = sorted(self.book.blocked - self.book.buried)
        return [subject for subject in unburied if unit.patients.get(subject) is None]

    def identify(self, subject: SubjectId, identifiers: Iterable[str], now: datetime) -> None:
        """Say under which identifiers somebody is known who is being erased: a restore may have forgotten them.

        Whoever left one out adds it later, until the person is buried. Raises `UnknownPersonError` when nobody such is
        being erased, or an identifier is somebody else's; `IdentifierError`.
        """
        macs = [self._mac(require_identifier(identifier)) for identifier in identifiers]
        with self.store.begin() as unit:
            self.book.follow(unit)
            known = unit.patients.by_identifier(macs)
            erasing = subject in self.book.blocked - self.book.buried
            if not erasing or any(patient.subject != subject for patient in known.values()):
                raise UnknownPersonError("nobody such is being erased, or an identifier is somebody else's: check both")
            if unit.patients.get(subject) is None:
                unit.patients.add([Patient(subject, None, blocked=True)])
            unit.patients.identify({mac: subject for mac in macs if mac not in known})
            self.log.append(unit, [Entry(int(now.timestamp()), "operator", Action.ENROL, "IDENTIFIED", subject)])

    def enrol_again(self, identifiers: Iterable[str], now: datetime) -> None:
        """Lift the tombstones of somebody who was erased and came back: the next import enrols them as a new subject.

        Raises `NoTombstoneError`, having lifted none, when one of the identifiers has no tombstone; `IdentifierError`.
        """
        macs = [self._mac(require_identifier(identifier)).hex() for identifier in identifiers]
        with self.store.begin() as unit:
            if not set(macs) <= self.stops.state().tombstoned:
                raise NoTombstoneError(
                    "nobody was erased under one of these identifiers, or not for good yet: `consentry erasures` tells"
                )
            time = int(now.timestamp())
            self.log.append(unit, [Entry(time, "operator", Action.ENROL, "AGAIN")])
            self.stops.append([Mark(MarkKind.ENROL, time, identifier=mac) for mac in macs])

    def enrol_keys(self, keys: Mapping[SubjectId, Address], now: datetime, identity: str = BY_HAND) -> None:
        """Store the addresses of patients' enrolment keys; each is logged, so that none is put in quietly.

        `identity` is a word for how it was checked whose key this is: by the letter with a code, or by hand.
        Raises `EnrolmentKeyError` for a subject who is not enrolled, is blocked, or has a key.
        """
        with self.store.begin() as unit:
            self.enrol_keys_within(unit, keys, now, identity)
        with self.store.reading() as unit:
            self.book.follow(unit)

    def enrol_keys_within(
        self, unit: Unit, keys: Mapping[SubjectId, Address], now: datetime, identity: str
    ) -> None:  # fmt: skip
        """Do so in the caller's transaction, which writes."""
        self.book.follow(unit)
        keyless = {p.subject for p in unit.patients.everyone() if p.enrolment is None and not p.blocked}
        if not keys.keys() <= keyless - self.book.blocked - self.book.enrolments.keys():
            raise EnrolmentKeyError("a subject here is unknown, blocked or has an enrolment key already")
        time = int(now.timestamp())
        entries = [
            Entry(time, "patient", Action.ENROL, "KEY", subject, facts={"identity": identity, "key": key.hex()})
            for subject, key in keys.items()
        ]
        unit.patients.set_enrolment(keys)
        self.log.append(unit, entries)

    def _found(self, unit: Unit, people: Iterable[Person]) -> _Found:
        """Say who each person is here; whoever shares an identifier with somebody is that somebody."""
        macs = {person: [self._mac(identifier) for identifier in person] for person in people}
        known = unit.patients.by_identifier(sorted({mac for of_one in macs.values() for mac in of_one}))
        subjects = {mac: patient.subject for mac, patient in known.items()}
        tombstoned, found = self.stops.state().tombstoned, _Found()
        for person, of_one in macs.items():
            those = {subjects[mac] for mac in of_one if mac in subjects}
            if those & self.book.blocked or any(mac.hex() in tombstoned for mac in of_one):
                found.erased.add(person)
            if person in found.erased or len(those) > 1:
                found.subjects[person] = None
                continue
            subject = found.subjects[person] = next(iter(those), None) or SubjectId(secrets.token_hex(16))
            found.newcomers += [] if those else [subject]
            found.named |= {mac: subject for mac in of_one if mac not in subjects}
            subjects |= dict.fromkeys(of_one, subject)
        return found

    def _enrol(self, unit: Unit, found: _Found, now: datetime) -> None:
        if found.newcomers and self.lost(unit):
            raise LostIdentifierError(
                "somebody who is being erased is known by no identifier since a restore, and might be one of these new "
                "people: `consentry doctor` names them, `consentry identify` says who they are; nothing was stored"
            )
        unit.patients.add([Patient(subject, None) for subject in found.newcomers])
        unit.patients.identify(found.named)
        self.vault.enrol(found.newcomers)
        time = int(now.timestamp())
        self.log.append(unit, [Entry(time, "operator", Action.ENROL, "RECORDS", s) for s in found.newcomers])

    def _mac(self, identifier: str) -> bytes:
        return hmac.new(self.identifier_key, identifier.encode(), hashlib.sha256).digest()


def _entries(changed: Iterable[tuple[SubjectId, ReceivedResource]], now: datetime) -> list[Entry]:
    categories: dict[SubjectId, set[str]] = {}
    for subject, resource in changed:
        categories.setdefault(subject, set()).add(resource.category)
    time = int(now.timestamp())
    return [
        Entry(time, "operator", Action.IMPORT, "SEALED", subject, categories=tuple(sorted(found)))
        for subject, found in categories.items()
    ]
