"""Patients and their sealed consents, in SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from consent.adapters.sql.tables import consents, identifiers, patients
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

    def get(self, subject: SubjectId) -> Patient | None:
        """Return one patient."""
        row = self.connection.execute(select(patients).where(patients.c.subject == subject)).one_or_none()
        return None if row is None else _patient(row)

    def identify(self, macs: Mapping[bytes, SubjectId]) -> None:
        """Store under which keyed HMACs people are known."""
        if macs:
            rows = [{"mac": mac, "subject": subject} for mac, subject in macs.items()]
            self.connection.execute(insert(identifiers), rows)

    def by_identifier(self, macs: Sequence[bytes]) -> Mapping[bytes, Patient]:
        """Return those already enrolled."""
        found: dict[bytes, Patient] = {}
        named = select(identifiers.c.mac, patients).join(patients, patients.c.subject == identifiers.c.subject)
        for start in range(0, len(macs), _VARIABLES):
            query = named.where(identifiers.c.mac.in_(macs[start : start + _VARIABLES]))
            found.update({row.mac: _patient(row) for row in self.connection.execute(query)})
        return found

    def identifiers(self, subject: SubjectId) -> Sequence[bytes]:
        """Return the keyed HMACs of one patient's identifiers."""
        return self.connection.scalars(select(identifiers.c.mac).where(identifiers.c.subject == subject)).all()

    def set_enrolment(self, keys: Mapping[SubjectId, Address]) -> None:
        """Store the addresses of enrolment keys."""
        statement = update(patients).where(patients.c.subject == bindparam("of")).values(enrolment=bindparam("key"))
        if keys:
            self.connection.execute(statement, [{"of": subject, "key": key} for subject, key in keys.items()])

    def block(self, subject: SubjectId) -> None:
        """Mark that a subject asked to be erased."""
        self.connection.execute(update(patients).where(patients.c.subject == subject).values(blocked=True))

    def remove(self, subjects: Sequence[SubjectId]) -> None:
        """Delete patients and their identifiers."""
        for table in (identifiers, patients):
            statement = delete(table).where(table.c.subject == bindparam("of"))
            if subjects:
                self.connection.execute(statement, [{"of": subject} for subject in subjects])


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
            yield _consent(row)

    def of_ids(self, ids: Sequence[str]) -> Sequence[StoredConsent]:
        """Return those among these ids that are stored."""
        return [
            _consent(row)
            for start in range(0, len(ids), _VARIABLES)
            for row in self.connection.execute(
                select(consents).where(consents.c.id.in_(ids[start : start + _VARIABLES]))
            )
        ]

    def of_subject(self, subject: SubjectId) -> Sequence[StoredConsent]:
        """Return a subject's consents."""
        query = select(consents).where(consents.c.subject == subject).order_by(consents.c.id)
        return [_consent(row) for row in self.connection.execute(query)]

    def stop(self, ids: Sequence[str], revocations: Mapping[str, bytes]) -> None:
        """Mark consents as stopped; store sealed revocations."""
        statement = update(consents).where(consents.c.id == bindparam("stopped_id")).values(stopped=True)
        if ids:
            self.connection.execute(statement, [{"stopped_id": consent_id} for consent_id in ids])
        revoke = update(consents).where(consents.c.id == bindparam("of")).values(revocation=bindparam("signed"))
        if revocations:
            self.connection.execute(revoke, [{"of": one, "signed": sealed} for one, sealed in revocations.items()])

    def drop(self, subject: SubjectId) -> None:
        """Delete a subject's consents."""
        self.connection.execute(delete(consents).where(consents.c.subject == subject))


def _consent(row: Row[Any]) -> StoredConsent:
    return StoredConsent(row.id, SubjectId(row.subject), row.sealed, row.stopped, row.revocation)


def _patient(row: Row[Any]) -> Patient:
    return Patient(SubjectId(row.subject), row.enrolment, row.blocked)
