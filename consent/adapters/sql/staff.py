"""The staff, and what they sign in with, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, delete, insert, select, update

from consent.adapters.sql.api_tables import staff, staff_credentials, staff_invitations
from consent.adapters.sql.row_macs import RowMacs
from consent.ports import StaffInvitation, StaffPasskey, StoredStaff


@dataclass(frozen=True)
class SqlStaff:
    """`StaffRows` on one transaction."""

    connection: Connection
    macs: RowMacs

    def add(self, member: StoredStaff) -> None:
        """Store a new member."""
        self.connection.execute(insert(staff), self.macs.sealed(staff, asdict(member)))

    def get(self, name: str) -> StoredStaff | None:
        """Return a member, also one who was removed."""
        row = self.connection.execute(select(staff).where(staff.c.name == name)).mappings().one_or_none()
        found = self.macs.checked(staff, row)
        return None if found is None else StoredStaff(**found)

    def everyone(self) -> Sequence[StoredStaff]:
        """Return all members in the order of their names."""
        rows = self.connection.execute(select(staff).order_by(staff.c.name)).mappings().all()
        found = [self.macs.checked(staff, row) for row in rows]
        return [StoredStaff(**row) for row in found if row is not None]

    def remove(self, name: str, now: int) -> None:
        """Mark a member as removed, for good, and delete their passkeys and invitation."""
        if (known := self.get(name)) is not None:
            row = self.macs.sealed(staff, asdict(replace(known, revoked=now)))
            self.connection.execute(update(staff).where(staff.c.name == name).values(row))
        self.connection.execute(delete(staff_credentials).where(staff_credentials.c.name == name))
        self.uninvite(name)

    def add_passkey(self, passkey: StaffPasskey) -> None:
        """Store a passkey."""
        self.connection.execute(insert(staff_credentials), self.macs.sealed(staff_credentials, asdict(passkey)))

    def passkey(self, credential: bytes) -> StaffPasskey | None:
        """Return a passkey by its credential's id."""
        query = select(staff_credentials).where(staff_credentials.c.credential == credential)
        found = self.macs.checked(staff_credentials, self.connection.execute(query).mappings().one_or_none())
        return None if found is None else StaffPasskey(**found)

    def passkeys(self, name: str) -> Sequence[StaffPasskey]:
        """Return a member's passkeys."""
        query = select(staff_credentials).where(staff_credentials.c.name == name)
        rows = self.connection.execute(query.order_by(staff_credentials.c.credential)).mappings().all()
        found = [self.macs.checked(staff_credentials, row) for row in rows]
        return [StaffPasskey(**row) for row in found if row is not None]

    def count_passkey(self, credential: bytes, count: int) -> None:
        """Store how often a passkey has signed."""
        if (known := self.passkey(credential)) is not None:
            row = self.macs.sealed(staff_credentials, asdict(replace(known, count=count)))
            theirs = staff_credentials.c.credential == credential
            self.connection.execute(update(staff_credentials).where(theirs).values(row))

    def invite(self, invitation: StaffInvitation) -> None:
        """Store an invitation in the place of the member's earlier one."""
        self.uninvite(invitation.name)
        self.connection.execute(insert(staff_invitations), self.macs.sealed(staff_invitations, asdict(invitation)))

    def invitation(self, digest: bytes) -> StaffInvitation | None:
        """Return an invitation, however old."""
        query = select(staff_invitations).where(staff_invitations.c.digest == digest)
        found = self.macs.checked(staff_invitations, self.connection.execute(query).mappings().one_or_none())
        return None if found is None else StaffInvitation(**found)

    def uninvite(self, name: str) -> None:
        """Delete a member's invitation."""
        self.connection.execute(delete(staff_invitations).where(staff_invitations.c.name == name))
