"""Importing records: people are enrolled, their resources sealed, by category, as received."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.terms import Category, SubjectId
from consent.domain.typed_data import Address
from consent.ports import Patient, Store, Unit
from consent.services.book import ConsentBook
from consent.services.log import Log
from vault import Deposit, Vault


class EnrolmentKeyError(ConsentError):
    """The subject is unknown, blocked or has an enrolment key already; nothing was stored, enrol who has none."""


@dataclass(frozen=True, slots=True)
class ReceivedRecords:
    """One person's resources: who they are outside, and the received bytes of each category."""

    identifier: str
    contents: Mapping[Category, bytes]


@dataclass(frozen=True, slots=True)
class Records:
    """Intake of records; `identifier_key` (32 bytes) keys the HMAC under which outside identifiers are kept."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    identifier_key: bytes

    def deposit(self, received: Sequence[ReceivedRecords], now: datetime) -> list[SubjectId]:
        """Seal people's records in one transaction; returns their SubjectIds in the same order.

        Who is not enrolled yet is enrolled, with a key of their own. Records of a blocked subject are left out.
        """
        with self.store.begin() as unit:
            self.book.follow(unit)
            subjects = self._enrolled(unit, [self._mac(person.identifier) for person in received], now)
            pairs = [(s, person) for s, person in zip(subjects, received, strict=True) if s not in self.book.blocked]
            deposits = [
                Deposit(subject, category.value, content)
                for subject, person in pairs
                for category, content in person.contents.items()
            ]
            self.vault.deposit(unit.connection, deposits)
            self.log.append(unit, [_entry(subject, person, now) for subject, person in pairs])
        return subjects

    def subject_of(self, identifier: str) -> SubjectId | None:
        """Return whom the hospital knows by this identifier, None when nobody is enrolled under it."""
        with self.store.reading() as unit:
            found = unit.patients.by_identifier([self._mac(identifier)])
        return next((patient.subject for patient in found.values()), None)

    def is_enrolled(self, subject: SubjectId) -> bool:
        """Say whether there is such a subject here."""
        with self.store.reading() as unit:
            return subject in {patient.subject for patient in unit.patients.everyone()}

    def enrol_keys(self, keys: Mapping[SubjectId, Address], now: datetime) -> None:
        """Store the addresses of patients' enrolment keys; each is logged, so that none is put in quietly.

        Raises `EnrolmentKeyError` for a subject who is not enrolled, is blocked, or has a key.
        """
        entries = [
            Entry(int(now.timestamp()), "patient", Action.ENROL, "KEY", subject, facts={"key": key.hex()})
            for subject, key in keys.items()
        ]
        with self.store.begin() as unit:
            self.book.follow(unit)
            open_to_keys = {p.subject for p in unit.patients.everyone() if p.enrolment is None and not p.blocked}
            if not keys.keys() <= open_to_keys:
                raise EnrolmentKeyError("a subject here is unknown, blocked or has an enrolment key already")
            unit.patients.set_enrolment(keys)
            self.log.append(unit, entries)
        with self.store.reading() as unit:
            self.book.follow(unit)

    def _enrolled(self, unit: Unit, macs: Sequence[bytes], now: datetime) -> list[SubjectId]:
        known = {mac: patient.subject for mac, patient in unit.patients.by_identifier(macs).items()}
        newcomers = {mac: SubjectId(secrets.token_hex(16)) for mac in macs if mac not in known}
        unit.patients.add([Patient(subject, mac, None) for mac, subject in newcomers.items()])
        self.vault.enrol(list(newcomers.values()))
        time = int(now.timestamp())
        self.log.append(unit, [Entry(time, "operator", Action.ENROL, "RECORDS", s) for s in newcomers.values()])
        subjects = known | newcomers
        return [subjects[mac] for mac in macs]

    def _mac(self, identifier: str) -> bytes:
        return hmac.new(self.identifier_key, identifier.encode(), hashlib.sha256).digest()


def _entry(subject: SubjectId, person: ReceivedRecords, now: datetime) -> Entry:
    categories = tuple(sorted(person.contents))
    return Entry(int(now.timestamp()), "operator", Action.IMPORT, "SEALED", subject, categories=categories)
