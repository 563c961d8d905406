"""New keys that wait, in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from consent.adapters.sql.portal_tables import replacements
from consent.adapters.sql.upserts import insert_or_change
from consent.domain.terms import SubjectId


@dataclass(frozen=True)
class SqlReplacements:
    """`Replacements` on one transaction."""

    connection: Connection

    def get(self, subject: SubjectId) -> bytes | None:
        """Return what waits for a person."""
        return self.connection.scalar(select(replacements.c.sealed).where(replacements.c.subject == subject))

    def put(self, subject: SubjectId, due: int, sealed: bytes) -> None:
        """Keep this in the place of what waited before."""
        row = {"subject": subject, "due": due, "sealed": sealed}
        insert_or_change(self.connection, replacements, [row], ("due", "sealed"))

    def everyone(self) -> Sequence[SubjectId]:
        """Return for whom something waits."""
        found = self.connection.scalars(select(replacements.c.subject).order_by(replacements.c.subject))
        return [SubjectId(subject) for subject in found]

    def drop(self, subject: SubjectId) -> None:
        """Delete what waits for a person."""
        self.connection.execute(delete(replacements).where(replacements.c.subject == subject))
