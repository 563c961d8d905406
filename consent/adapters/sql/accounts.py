"""What patients sign in with, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, delete, insert, select, update

from consent.adapters.sql.account_tables import contacts, credentials, declines, invitations, slots
from consent.adapters.sql.row_macs import RowMacs
from consent.adapters.sql.upserts import insert_or_change, insert_or_leave
from consent.domain.terms import SubjectId
from consent.ports import Invitation, Passkey, StoredSlot


@dataclass(frozen=True)
class SqlAccounts:
    """`Accounts` on one transaction."""

    connection: Connection
    macs: RowMacs

    def invite(self, invitation: Invitation) -> None:
        """Store an invitation in the place of the subject's earlier one."""
        self.uninvite(invitation.subject)
        self.connection.execute(insert(invitations), self.macs.sealed(invitations, asdict(invitation)))

    def invitation(self, digest: bytes) -> Invitation | None:
        """Return an invitation, however old."""
        query = select(invitations).where(invitations.c.digest == digest)
        found = self.macs.checked(invitations, self.connection.execute(query).mappings().one_or_none())
        return None if found is None else Invitation(**found)

    def uninvite(self, subject: SubjectId) -> None:
        """Delete a subject's invitation."""
        self.connection.execute(delete(invitations).where(invitations.c.subject == subject))

    def add_passkey(self, passkey: Passkey) -> None:
        """Store a passkey."""
        self.connection.execute(insert(credentials), self.macs.sealed(credentials, asdict(passkey)))

    def passkey(self, credential: bytes) -> Passkey | None:
        """Return a passkey by its credential's id."""
        query = select(credentials).where(credentials.c.credential == credential)
        found = self.macs.checked(credentials, self.connection.execute(query).mappings().one_or_none())
        return None if found is None else Passkey(**found)

    def passkeys(self, subject: SubjectId) -> Sequence[Passkey]:
        """Return a subject's passkeys."""
        query = select(credentials).where(credentials.c.subject == subject).order_by(credentials.c.credential)
        rows = [self.macs.checked(credentials, row) for row in self.connection.execute(query).mappings()]
        return [Passkey(**row) for row in rows if row is not None]

    def count_passkey(self, credential: bytes, count: int) -> None:
        """Store how often a passkey has signed."""
        if (known := self.passkey(credential)) is None:
            return
        row = self.macs.sealed(credentials, asdict(replace(known, count=count)))
        self.connection.execute(update(credentials).where(credentials.c.credential == credential).values(row))

    def add_slots(self, new: Sequence[StoredSlot]) -> None:
        """Store slots."""
        if new:
            self.connection.execute(insert(slots), [asdict(slot) for slot in new])

    def slot(self, slot: bytes) -> StoredSlot | None:
        """Return a slot by its id."""
        row = self.connection.execute(select(slots).where(slots.c.id == slot)).one_or_none()
        return None if row is None else StoredSlot(**row._mapping)  # noqa: SLF001  # public API

    def slots(self, subject: SubjectId) -> Sequence[StoredSlot]:
        """Return a subject's slots."""
        query = select(slots).where(slots.c.subject == subject).order_by(slots.c.id)
        return [StoredSlot(**row._mapping) for row in self.connection.execute(query)]  # noqa: SLF001  # public API

    def drop_slot(self, slot: bytes) -> None:
        """Delete a slot."""
        self.connection.execute(delete(slots).where(slots.c.id == slot))

    def drop_passkey(self, credential: bytes) -> None:
        """Delete a passkey."""
        self.connection.execute(delete(credentials).where(credentials.c.credential == credential))

    def drop_ways(self, subject: SubjectId) -> None:
        """Delete a subject's slots, passkeys and invitation."""
        for table in (invitations, credentials, slots):
            self.connection.execute(delete(table).where(table.c.subject == subject))

    def set_contact(self, subject: SubjectId, mac: bytes | None, sealed: bytes | None = None) -> None:
        """Store the keyed HMAC of a subject's address, and the sealed address; without an HMAC delete both."""
        if mac is None:
            self.connection.execute(delete(contacts).where(contacts.c.subject == subject))
        else:
            row = self.macs.sealed(contacts, {"subject": subject, "mac": mac}) | {"sealed": sealed}
            insert_or_change(self.connection, contacts, [row], ("mac", "sealed", "seal"))

    def contact(self, subject: SubjectId) -> bytes | None:
        """Return a subject's sealed address."""
        return self.connection.scalar(select(contacts.c.sealed).where(contacts.c.subject == subject))

    def by_contact(self, mac: bytes) -> Sequence[SubjectId]:
        """Return whose address this is."""
        query = select(contacts).where(contacts.c.mac == mac).order_by(contacts.c.subject)
        rows = [self.macs.checked(contacts, row) for row in self.connection.execute(query).mappings()]
        return [SubjectId(row["subject"]) for row in rows if row is not None]

    def decline(self, subject: SubjectId, study: str) -> None:
        """Store that a subject said no to a study."""
        insert_or_leave(self.connection, declines, [{"subject": subject, "study": study}])

    def declined(self, subject: SubjectId) -> frozenset[str]:
        """Return the studies that a subject said no to."""
        return frozenset(self.connection.scalars(select(declines.c.study).where(declines.c.subject == subject)))

    def undecline(self, subject: SubjectId, study: str) -> None:
        """Forget that a subject said no to a study."""
        row = (declines.c.subject == subject) & (declines.c.study == study)
        self.connection.execute(delete(declines).where(row))

    def forget(self, subject: SubjectId) -> None:
        """Delete everything of a subject."""
        for table in (invitations, credentials, slots, contacts, declines):
            self.connection.execute(delete(table).where(table.c.subject == subject))
