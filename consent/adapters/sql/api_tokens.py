"""Tokens and used assertions, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from consent.adapters.sql.api_tables import api_tokens, assertions
from consent.adapters.sql.row_macs import RowMacs
from consent.ports import StoredToken

_STAFF = api_tokens.c.kind == "staff"


@dataclass(frozen=True)
class SqlApiTokens:
    """`ApiTokens` on one transaction."""

    connection: Connection
    macs: RowMacs

    def add(self, token: StoredToken) -> None:
        """Store a token."""
        self.connection.execute(insert(api_tokens), self.macs.sealed(api_tokens, asdict(token)))

    def get(self, digest: bytes) -> StoredToken | None:
        """Return a token, however old."""
        found = self._found(api_tokens.c.digest == digest)
        return found[0] if found else None

    def of_client(self, client: str) -> Sequence[StoredToken]:
        """Return a client's tokens, however old, oldest first."""
        return self._found((api_tokens.c.holder == client) & ~_STAFF)

    def drop(self, digest: bytes) -> None:
        """Delete a token."""
        self._drop(api_tokens.c.digest == digest)

    def drop_of_key(self, kid: str) -> None:
        """Delete all tokens that rest on a client's key."""
        self._drop(api_tokens.c.kid == kid)

    def drop_of_client(self, client: str, study: str | None = None) -> None:
        """Delete a client's tokens, of one study or all of them."""
        theirs = (api_tokens.c.holder == client) & ~_STAFF
        self._drop(theirs if study is None else theirs & (api_tokens.c.study == study))

    def drop_of_staff(self, name: str) -> None:
        """Delete the tokens of a member of the staff."""
        self._drop((api_tokens.c.holder == name) & _STAFF)

    def use_up(self, digest: bytes, expires: int) -> bool:
        """Use an assertion up; False where it was used before. Nobody else writes until this transaction ends."""
        if self.connection.scalar(select(assertions.c.expires).where(assertions.c.digest == digest)) is not None:
            return False
        self.connection.execute(insert(assertions), {"digest": digest, "expires": expires})
        return True

    def clear(self, now: int) -> None:
        """Delete what has expired."""
        for table in (api_tokens, assertions):
            self.connection.execute(delete(table).where(table.c.expires <= now))

    def _found(self, condition: ColumnElement[bool]) -> list[StoredToken]:
        query = select(api_tokens).where(condition).order_by(api_tokens.c.created, api_tokens.c.id)
        rows = [self.macs.checked(api_tokens, row) for row in self.connection.execute(query).mappings().all()]
        return [StoredToken(**row) for row in rows if row is not None]

    def _drop(self, condition: ColumnElement[bool]) -> None:
        self.connection.execute(delete(api_tokens).where(condition))
