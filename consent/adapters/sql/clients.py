"""Clients, their keys and memberships, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, delete, insert, select, update

from consent.adapters.sql.api_tables import client_credentials, clients, memberships
from consent.adapters.sql.row_macs import RowMacs
from consent.adapters.sql.upserts import insert_or_change
from consent.ports import StoredClient, StoredClientKey, StoredMembership


@dataclass(frozen=True)
class SqlClients:
    """`Clients` on one transaction."""

    connection: Connection
    macs: RowMacs

    def add(self, client: StoredClient) -> None:
        """Store a new client."""
        self.connection.execute(insert(clients), self.macs.sealed(clients, asdict(client)))

    def get(self, client: str) -> StoredClient | None:
        """Return a client, also a revoked one."""
        row = self.connection.execute(select(clients).where(clients.c.client == client)).mappings().one_or_none()
        found = self.macs.checked(clients, row)
        return None if found is None else StoredClient(**found)

    def everyone(self) -> Sequence[StoredClient]:
        """Return all clients in the order of their ids."""
        rows = self.connection.execute(select(clients).order_by(clients.c.client)).mappings().all()
        found = [self.macs.checked(clients, row) for row in rows]
        return [StoredClient(**row) for row in found if row is not None]

    def revoke(self, client: str, now: int) -> None:
        """Mark a client as revoked, for good."""
        if (known := self.get(client)) is not None:
            row = self.macs.sealed(clients, asdict(replace(known, revoked=now)))
            self.connection.execute(update(clients).where(clients.c.client == client).values(row))

    def add_key(self, key: StoredClientKey) -> None:
        """Store a new key."""
        self.connection.execute(insert(client_credentials), self.macs.sealed(client_credentials, asdict(key)))

    def key(self, kid: str) -> StoredClientKey | None:
        """Return a key, also a revoked one."""
        query = select(client_credentials).where(client_credentials.c.kid == kid)
        found = self.macs.checked(client_credentials, self.connection.execute(query).mappings().one_or_none())
        return None if found is None else StoredClientKey(**found)

    def keys(self, client: str) -> Sequence[StoredClientKey]:
        """Return a client's keys, also revoked ones, in the order of their kids."""
        query = select(client_credentials).where(client_credentials.c.client == client)
        rows = self.connection.execute(query.order_by(client_credentials.c.kid)).mappings().all()
        found = [self.macs.checked(client_credentials, row) for row in rows]
        return [StoredClientKey(**row) for row in found if row is not None]

    def revoke_key(self, kid: str, now: int) -> None:
        """Mark a key as revoked, for good."""
        if (known := self.key(kid)) is not None:
            row = self.macs.sealed(client_credentials, asdict(replace(known, revoked=now)))
            self.connection.execute(update(client_credentials).where(client_credentials.c.kid == kid).values(row))

    def allow(self, membership: StoredMembership) -> None:
        """Store a membership; one that is there already stays as it is, and an altered one is written anew."""
        if not self.is_member(membership.client, membership.study):
            row = self.macs.sealed(memberships, asdict(membership))
            insert_or_change(self.connection, memberships, [row], ("created", "mac"))

    def forbid(self, client: str, study: str) -> None:
        """Delete a membership."""
        row = (memberships.c.client == client) & (memberships.c.study == study)
        self.connection.execute(delete(memberships).where(row))

    def is_member(self, client: str, study: str) -> bool:
        """Say whether a client is a member of a study."""
        query = select(memberships).where((memberships.c.client == client) & (memberships.c.study == study))
        return self.macs.checked(memberships, self.connection.execute(query).mappings().one_or_none()) is not None

    def studies(self, client: str) -> Sequence[str]:
        """Return the studies that a client is a member of, in order."""
        query = select(memberships).where(memberships.c.client == client).order_by(memberships.c.study)
        rows = [self.macs.checked(memberships, row) for row in self.connection.execute(query).mappings().all()]
        return [str(row["study"]) for row in rows if row is not None]
