"""What people wish to be asked, in SQL."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from consent.adapters.sql.portal_tables import wishes
from consent.adapters.sql.upserts import insert_or_change
from consent.domain.terms import SubjectId


@dataclass(frozen=True)
class SqlWishes:
    """`Wishes` on one transaction."""

    connection: Connection

    def get(self, subject: SubjectId) -> bytes | None:
        """Return what is kept of a person."""
        return self.connection.scalar(select(wishes.c.sealed).where(wishes.c.subject == subject))

    def put(self, subject: SubjectId, sealed: bytes) -> None:
        """Keep this in the place of what was kept before."""
        insert_or_change(self.connection, wishes, [{"subject": subject, "sealed": sealed}], ("sealed",))

    def drop(self, subject: SubjectId) -> None:
        """Delete what is kept of a person."""
        self.connection.execute(delete(wishes).where(wishes.c.subject == subject))
