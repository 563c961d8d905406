"""Sessions and tickets, in SQL."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select

from consent.adapters.sql.account_tables import sessions, tickets
from consent.adapters.sql.upserts import insert_or_change
from consent.domain.terms import SubjectId
from consent.ports import StoredSession, StoredTicket


@dataclass(frozen=True)
class SqlSessions:
    """`Sessions` on one transaction."""

    connection: Connection

    def get(self, digest: bytes) -> StoredSession | None:
        """Return a session, however old."""
        row = self.connection.execute(select(sessions).where(sessions.c.digest == digest)).one_or_none()
        return None if row is None else StoredSession(**row._mapping)  # noqa: SLF001  # public API

    def put(self, session: StoredSession) -> None:
        """Store a session, in the place of an earlier state of it."""
        insert_or_change(self.connection, sessions, [asdict(session)], ("kind", "subject", "expires", "state"))

    def end(self, digest: bytes) -> None:
        """Delete a session and the tickets that it asked for."""
        self.connection.execute(delete(tickets).where(tickets.c.session == digest))
        self.connection.execute(delete(sessions).where(sessions.c.digest == digest))

    def end_all(self, subject: SubjectId) -> None:
        """Delete every session and ticket of a subject."""
        for table in (tickets, sessions):
            self.connection.execute(delete(table).where(table.c.subject == subject))

    def add_ticket(self, ticket: StoredTicket) -> None:
        """Store a ticket."""
        self.connection.execute(insert(tickets), asdict(ticket))

    def take_ticket(self, digest: bytes) -> StoredTicket | None:
        """Return a ticket and delete it."""
        row = self.connection.execute(select(tickets).where(tickets.c.digest == digest)).one_or_none()
        if row is None:
            return None
        self.connection.execute(delete(tickets).where(tickets.c.digest == digest))
        return StoredTicket(**row._mapping)  # noqa: SLF001  # public API

    def clear(self, now: int) -> None:
        """Delete what has expired."""
        for table in (tickets, sessions):
            self.connection.execute(delete(table).where(table.c.expires <= now))
