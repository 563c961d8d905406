"""Saved cohorts and kept answers, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select

from consent.adapters.sql.api_tables import cohorts, idempotent
from consent.adapters.sql.upserts import insert_or_change
from consent.ports.desk import StoredAnswer, StoredCohort


@dataclass(frozen=True)
class SqlCohorts:
    """`CohortRows` on one transaction."""

    connection: Connection

    def add(self, cohort: StoredCohort) -> None:
        """Store a cohort, unless one with its id is there."""
        if self.get(cohort.study, cohort.id) is None:
            self.connection.execute(insert(cohorts), asdict(cohort))

    def get(self, study: str, cohort: str) -> StoredCohort | None:
        """Return a study's cohort."""
        query = select(cohorts).where((cohorts.c.study == study) & (cohorts.c.id == cohort))
        row = self.connection.execute(query).mappings().one_or_none()
        return None if row is None else StoredCohort(**row)

    def of_study(self, study: str) -> Sequence[StoredCohort]:
        """Return a study's cohorts, in no order."""
        rows = self.connection.execute(select(cohorts).where(cohorts.c.study == study)).mappings()
        return [StoredCohort(**row) for row in rows]

    def remove(self, study: str, cohort: str) -> bool:
        """Delete a cohort; say whether it was there."""
        ours = (cohorts.c.study == study) & (cohorts.c.id == cohort)
        return self.connection.execute(delete(cohorts).where(ours)).rowcount == 1


@dataclass(frozen=True)
class SqlAnswers:
    """`AnswerRows` on one transaction."""

    connection: Connection

    def get(self, key: bytes) -> StoredAnswer | None:
        """Return what is kept under a key, however old."""
        row = self.connection.execute(select(idempotent).where(idempotent.c.key == key)).mappings().one_or_none()
        return None if row is None else StoredAnswer(**row)

    def put(self, answer: StoredAnswer) -> None:
        """Store it, in the place of an earlier state."""
        changed = ("asked", "epoch", "expires", "answer")
        insert_or_change(self.connection, idempotent, [asdict(answer)], changed)

    def remove(self, key: bytes) -> None:
        """Delete it."""
        self.connection.execute(delete(idempotent).where(idempotent.c.key == key))

    def clear(self, now: int) -> None:
        """Delete what has expired."""
        self.connection.execute(delete(idempotent).where(idempotent.c.expires <= now))
