"""Rows that let somebody in carry a MAC: whoever writes to this database, and holds no key, lets nobody in.

HMAC-SHA256 under a key of the installation, over RFC 8785 JSON of the table's name and the row, bytes as hex. A row
without a right one does not exist. It says nothing about time: a row that was there once can be put back.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Table, select, update

from consent.adapters.sql.account_tables import contacts, credentials, invitations
from consent.domain.hashing import Json, canonical_json

_COLUMNS: Final = {contacts.name: "seal"}
"""Where the MAC stands, if not in `mac`."""
_NOT_COVERED: Final = frozenset({"sealed"})
"""What a table holds beside: it is sealed under the person's key."""


@dataclass(frozen=True)
class RowMacs:
    """Makes and checks rows' MACs; without a key, 32 bytes, no row exists and none is written."""

    key: bytes | None = field(default=None, repr=False)

    def sealed(self, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row with its MAC; raise `RuntimeError` without a key."""
        if self.key is None:
            raise RuntimeError("this database was opened without keys: nobody is let in from here")
        column = _COLUMNS.get(table.name, "mac")
        kept = {name: row[name] for name in row if name != column}
        return kept | {column: self._mac(self.key, table, kept)}

    def checked(self, table: Table, row: RowMapping | None) -> dict[str, Any] | None:
        """Return a row whose MAC is right, without it; None for any other."""
        if row is None or self.key is None:
            return None
        column = _COLUMNS.get(table.name, "mac")
        kept = {name: row[name] for name in row if name != column and name not in _NOT_COVERED}
        right = hmac.compare_digest(self._mac(self.key, table, kept), row[column] or b"")
        return kept if right else None

    def adopt(self, connection: Connection) -> int:
        """Give a MAC to rows that have none, as one does once after an upgrade; return how many those were."""
        adopted = 0
        for table in (invitations, credentials, contacts):
            column, [key] = table.c[_COLUMNS.get(table.name, "mac")], table.primary_key.columns
            for row in connection.execute(select(table).where(column.is_(None))).mappings().all():
                kept = {name: row[name] for name in row if name not in _NOT_COVERED}
                values = {column.name: self.sealed(table, kept)[column.name]}
                connection.execute(update(table).where(key == row[key.name]).values(values))
                adopted += 1
        return adopted

    @staticmethod
    def _mac(key: bytes, table: Table, row: Mapping[str, Any]) -> bytes:
        told: dict[str, Json] = {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in row.items()
            if name not in _NOT_COVERED
        }
        return hmac.new(key, canonical_json([table.name, told]), hashlib.sha256).digest()
