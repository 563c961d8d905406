"""Patients and their sealed consents, in SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from consent.adapters.sql.tables import consents, patients
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import Patient, StoredConsent

_VARIABLES = 500


@dataclass(frozen=True)
class SqlPatients:
    """`Patients` on one transaction."""

    connection: Connection

    def add(self, newcomers: Sequence[Patient]) -> None:
        """Store new patients."""
        if newcomers:
            self.connection.execute(insert(patients), [asdict(patient) for patient in newcomers])

    def everyone(self) -> Sequence[Patient]:
        """Return all patients in the order of their SubjectId."""
        return [_patient(row) for row in self.connection.execute(select(patients).order_by(patients.c.subject))]

    def by_identifier(self, macs: Sequence[bytes]) -> Mapping[bytes, Patient]:
        """Return those already enrolled."""
        found: dict[bytes, Patient] = {}
        for start in range(0, len(macs), _VARIABLES):
            query = select(patients).where(patients.c.identifier_mac.in_(macs[start : start + _VARIABLES]))
            found.update({row.identifier_mac: _patient(row) for row in self.connection.execute(query)})
        return found

    def set_enrolment(self, keys: Mapping[SubjectId, Address]) -> None:
        """Store the addresses of enrolment keys."""
        statement = update(patients).where(patients.c.subject == bindparam("of")).values(enrolment=bindparam("key"))
        if keys:
            self.connection.execute(statement, [{"of": subject, "key": key} for subject, key in keys.items()])

    def block(self, subject: SubjectId) -> None:
        """Mark that a subject asked to be erased."""
        self.connection.execute(update(patients).where(patients.c.subject == subject).values(blocked=True))


@dataclass(frozen=True)
class SqlConsents:
    """`Consents` on one transaction."""

    connection: Connection

    def add(self, new: Sequence[StoredConsent]) -> None:
        """Store new consents."""
        if new:
            self.connection.execute(insert(consents), [asdict(consent) for consent in new])

    def everything(self) -> Iterator[StoredConsent]:
        """Yield every consent."""
        for row in self.connection.execute(select(consents).order_by(consents.c.id)):
            yield StoredConsent(row.id, SubjectId(row.subject), row.sealed, row.stopped)

    def of_ids(self, ids: Sequence[str]) -> Sequence[StoredConsent]:
        """Return those among these ids that are stored."""
        return [
            StoredConsent(row.id, SubjectId(row.subject), row.sealed, row.stopped)
            for start in range(0, len(ids), _VARIABLES)
            for row in self.connection.execute(
                select(consents).where(consents.c.id.in_(ids[start : start + _VARIABLES]))
            )
        ]

    def stop(self, ids: Sequence[str]) -> None:
        """Mark consents as stopped."""
        statement = update(consents).where(consents.c.id == bindparam("stopped_id")).values(stopped=True)
        if ids:
            self.connection.execute(statement, [{"stopped_id": consent_id} for consent_id in ids])

    def drop(self, subject: SubjectId) -> None:
        """Delete a subject's consents."""
        self.connection.execute(delete(consents).where(consents.c.subject == subject))


def _patient(row: Row[Any]) -> Patient:
    return Patient(SubjectId(row.subject), row.identifier_mac, row.enrolment, row.blocked)
