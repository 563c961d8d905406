"""Patients, their sealed consents and the outbox, in SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or_leave

from consent.adapters.sql.tables import consents, outbox, patients
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import Errand, OutboxItem, Patient, StoredConsent

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

    def stop(self, ids: Sequence[str]) -> None:
        """Mark consents as stopped."""
        statement = update(consents).where(consents.c.id == bindparam("stopped_id")).values(stopped=True)
        if ids:
            self.connection.execute(statement, [{"stopped_id": consent_id} for consent_id in ids])

    def drop(self, subject: SubjectId) -> None:
        """Delete a subject's consents."""
        self.connection.execute(delete(consents).where(consents.c.subject == subject))


@dataclass(frozen=True)
class SqlOutbox:
    """`Outbox` on one transaction."""

    connection: Connection

    def add(self, items: Sequence[OutboxItem]) -> None:
        """Queue items; one that is queued already stays as it is."""
        if items:
            rows = [asdict(item) | {"errand": item.errand.value} for item in items]
            self.connection.execute(insert_or_leave(outbox).on_conflict_do_nothing(), rows)

    def waiting(self, errand: Errand, limit: int) -> Sequence[OutboxItem]:
        """Return queued items of one kind in the order of their commitments, which is random."""
        query = select(outbox).where(outbox.c.errand == errand.value).order_by(outbox.c.commitment).limit(limit)
        return [_item(row) for row in self.connection.execute(query)]

    def remove(self, errand: Errand, keys: Sequence[tuple[Address, bytes]]) -> None:
        """Forget items, by patient address and commitment."""
        item = (outbox.c.patient == bindparam("of")) & (outbox.c.commitment == bindparam("gone"))
        if keys:
            gone = [{"of": patient, "gone": commitment} for patient, commitment in keys]
            self.connection.execute(delete(outbox).where(outbox.c.errand == errand.value, item), gone)

    def size(self) -> int:
        """Return how many items wait."""
        return self.connection.scalar(select(func.count()).select_from(outbox)) or 0


def _patient(row: Row[Any]) -> Patient:
    return Patient(SubjectId(row.subject), row.identifier_mac, row.enrolment, row.blocked)


def _item(row: Row[Any]) -> OutboxItem:
    return OutboxItem(
        Errand(row.errand), Address(row.patient), row.commitment, row.expires, row.publish_by, row.signature
    )
