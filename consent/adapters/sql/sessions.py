"""Sessions and tickets, in SQL."""

from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, delete, insert, select

from consent.adapters.sql.account_tables import sessions, tickets
from consent.adapters.sql.row_macs import RowMacs
from consent.adapters.sql.upserts import insert_or_change
from consent.domain.terms import SubjectId
from consent.ports import StoredSession, StoredTicket


@dataclass(frozen=True)
class SqlSessions:
    """`Sessions` on one transaction."""

    connection: Connection
    macs: RowMacs

    def get(self, digest: bytes) -> StoredSession | None:
        """Return a session, however old."""
        row = self.connection.execute(select(sessions).where(sessions.c.digest == digest)).mappings().one_or_none()
        found = self.macs.checked(sessions, row)
        return None if found is None else StoredSession(**found)

    def put(self, session: StoredSession) -> None:
        """Store a session, in the place of an earlier state of it."""
        known = self.get(session.digest)
        kept = session if known is None else replace(session, created=known.created)
        row = self.macs.sealed(sessions, asdict(kept))
        insert_or_change(self.connection, sessions, [row], ("kind", "subject", "expires", "state", "mac"))

    def end(self, digest: bytes) -> None:
        """Delete a session and the tickets that it asked for."""
        self.connection.execute(delete(tickets).where(tickets.c.session == digest))
        self.connection.execute(delete(sessions).where(sessions.c.digest == digest))

    def end_all(self, subject: SubjectId) -> None:
        """Delete every session and ticket of a subject."""
        for table in (tickets, sessions):
            self.connection.execute(delete(table).where(table.c.subject == subject))

    def end_others(self, subject: SubjectId, digest: bytes) -> None:
        """Delete a subject's sessions and tickets, but for those of one session."""
        for table, owner in ((tickets, tickets.c.session), (sessions, sessions.c.digest)):
            self.connection.execute(delete(table).where((table.c.subject == subject) & (owner != digest)))

    def add_ticket(self, ticket: StoredTicket) -> None:
        """Store a ticket."""
        self.connection.execute(insert(tickets), self.macs.sealed(tickets, asdict(ticket)))

    def take_ticket(self, digest: bytes) -> StoredTicket | None:
        """Return a ticket and delete it."""
        row = self.connection.execute(select(tickets).where(tickets.c.digest == digest)).mappings().one_or_none()
        if row is None:
            return None
        self.connection.execute(delete(tickets).where(tickets.c.digest == digest))
        found = self.macs.checked(tickets, row)
        return None if found is None else StoredTicket(**found)

    def clear(self, now: int) -> None:
        """Delete what has expired."""
        for table in (tickets, sessions):
            self.connection.execute(delete(table).where(table.c.expires <= now))
