"""Letters that wait, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from consent.adapters.sql.portal_tables import notice_progress, noticed, notices
from consent.adapters.sql.upserts import insert_or_change
from consent.ports import StoredNotice

_READ: Final = 1
_BEGAN: Final = 2
"""The rows of `notice_progress`: how far the log was read, and from where letters tell of it."""


@dataclass(frozen=True)
class SqlNotices:
    """`Notices` on one transaction."""

    connection: Connection

    def read(self) -> int | None:
        """Return how many entries of the log were read."""
        return self.connection.scalar(select(notice_progress.c.read).where(notice_progress.c.id == _READ))

    def begin(self, size: int) -> None:
        """Store that letters tell of entries from here on."""
        self._set(_BEGAN, size)
        self._set(_READ, size)

    def set_read(self, size: int) -> None:
        """Store how many entries were read."""
        self._set(_READ, size)

    def read_again(self) -> None:
        """Read from where letters began once more."""
        began = self.connection.scalar(select(notice_progress.c.read).where(notice_progress.c.id == _BEGAN))
        self._set(_READ, began or 0)

    def mark(self, notice: bytes, now: int) -> bool:
        """Store a cause, where it is new."""
        if self.connection.scalar(select(noticed.c.time).where(noticed.c.id == notice)) is not None:
            return False
        self.connection.execute(insert(noticed), {"id": notice, "time": now})
        return True

    def add(self, notice: StoredNotice) -> None:
        """Store a letter."""
        self.connection.execute(insert(notices), asdict(notice))

    def due(self, epoch: int, now: int) -> StoredNotice | None:
        """Return the letter that has been due longest."""
        ready = (notices.c.epoch == epoch) & (notices.c.due <= now)
        query = select(notices).where(ready).order_by(notices.c.due, notices.c.id).limit(1)
        row = self.connection.execute(query).one_or_none()
        return None if row is None else StoredNotice(**row._mapping)  # noqa: SLF001  # public API

    def claim(self, notice: StoredNotice, due: int, tries: int) -> bool:
        """Put a letter off, where it stands as it was read."""
        same = (notices.c.id == notice.id) & (notices.c.due == notice.due) & (notices.c.tries == notice.tries)
        return self.connection.execute(update(notices).where(same).values(due=due, tries=tries)).rowcount == 1

    def remove(self, notice: bytes) -> None:
        """Delete a letter."""
        self.connection.execute(delete(notices).where(notices.c.id == notice))

    def of_epoch(self, epoch: int) -> Sequence[StoredNotice]:
        """Return the letters that an epoch's key opens."""
        rows = self.connection.execute(select(notices).where(notices.c.epoch == epoch).order_by(notices.c.id))
        return [StoredNotice(**row._mapping) for row in rows]  # noqa: SLF001  # public API

    def outside(self, epoch: int, now: int) -> Sequence[bytes]:
        """Return the ids of letters of other epochs that are due."""
        dead = (notices.c.epoch != epoch) & (notices.c.due <= now)
        return self.connection.scalars(select(notices.c.id).where(dead)).all()

    def undo(self, notice: bytes) -> None:
        """Delete a letter and its cause."""
        self.remove(notice)
        self.connection.execute(delete(noticed).where(noticed.c.id == notice))

    def waiting(self) -> int:
        """Return how many letters wait."""
        return self.connection.scalar(select(func.count()).select_from(notices)) or 0

    def _set(self, row: int, size: int) -> None:
        insert_or_change(self.connection, notice_progress, [{"id": row, "read": size}], ("read",))
