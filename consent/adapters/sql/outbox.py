"""What is on its way to the chain, in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from consent.adapters.sql.tables import model_acts, outbox, transactions
from consent.adapters.sql.upserts import insert_or_leave
from consent.ports import Errand, ModelAct, ModelStatus, OutboxRow, Role, SentTransaction, Transaction

_ROW = outbox.c.id == bindparam("row")
_SLOTS = select(outbox.c.due).where(outbox.c.owner == bindparam("whose"))


@dataclass(frozen=True)
class SqlOutboxRows:
    """`OutboxRows` on one transaction."""

    connection: Connection

    def add(self, rows: Sequence[OutboxRow]) -> None:
        """Store rows; one that is there already stays as it is."""
        insert_or_leave(self.connection, outbox, [asdict(row) | {"errand": row.errand.value} for row in rows])

    def due(self, epoch: int, errand: Errand, now: int, limit: int) -> Sequence[OutboxRow]:
        """Return rows of an epoch that are due and in no transaction, by slot, then by id, which says nothing."""
        ready = (outbox.c.errand == errand.value) & outbox.c.nonce.is_(None) & (outbox.c.due <= now)
        query = select(outbox).where(ready & (outbox.c.epoch == epoch)).order_by(outbox.c.due, outbox.c.id)
        return [_row(row) for row in self.connection.execute(query.limit(limit))]

    def slots(self, owner: bytes) -> Sequence[int]:
        """Return the slots of all rows of one owner."""
        return self.connection.scalars(_SLOTS, {"whose": owner}).all()

    def carry(self, ids: Sequence[bytes], nonce: int | None) -> int:
        """Note which transaction carries these rows; return how many of them there are."""
        statement = update(outbox).where(_ROW).values(nonce=nonce)
        return self.connection.execute(statement, _parameters(ids)).rowcount if ids else 0

    def release(self, errand: Errand, nonce: int) -> None:
        """Take the rows of a transaction out of it."""
        carried = (outbox.c.errand == errand.value) & (outbox.c.nonce == nonce)
        self.connection.execute(update(outbox).where(carried).values(nonce=None))

    def remove(self, ids: Sequence[bytes]) -> None:
        """Delete rows."""
        if ids:
            self.connection.execute(delete(outbox).where(_ROW), _parameters(ids))

    def everything(self) -> Sequence[OutboxRow]:
        """Return all rows, by id."""
        return [_row(row) for row in self.connection.execute(select(outbox).order_by(outbox.c.id))]

    def outside(self, epoch: int) -> int:
        """Return how many rows are of another epoch."""
        other = (outbox.c.epoch < epoch) | (outbox.c.epoch > epoch)  # two ranges of the index, not a scan
        return self.connection.scalar(select(func.count()).select_from(outbox).where(other)) or 0

    def waiting(self) -> Mapping[Errand, int]:
        """Return how many rows there are of each kind."""
        counts = self.connection.execute(select(outbox.c.errand, func.count()).group_by(outbox.c.errand))
        return dict.fromkeys(Errand, 0) | {Errand(errand): number for errand, number in counts}

    def size(self) -> int:
        """Return how many rows there are."""
        return self.connection.scalar(select(func.count()).select_from(outbox)) or 0


@dataclass(frozen=True)
class SqlModelActs:
    """`ModelActs` on one transaction."""

    connection: Connection

    def add(self, model: bytes, status: ModelStatus, manifest: bytes = b"") -> None:
        """Queue an act behind all others."""
        self.connection.execute(insert(model_acts), {"model": model, "status": int(status), "manifest": manifest})

    def everything(self) -> Sequence[ModelAct]:
        """Return all acts, oldest first."""
        rows = self.connection.execute(select(model_acts).order_by(model_acts.c.place))
        return [ModelAct(row.place, row.model, ModelStatus(row.status), row.manifest, row.nonce) for row in rows]

    def carry(self, place: int, nonce: int | None) -> None:
        """Note which transaction carries an act."""
        self.connection.execute(update(model_acts).where(model_acts.c.place == place).values(nonce=nonce))

    def remove(self, place: int) -> None:
        """Forget an act."""
        self.connection.execute(delete(model_acts).where(model_acts.c.place == place))


@dataclass(frozen=True)
class SqlTransactions:
    """`Transactions` on one transaction of the database."""

    connection: Connection

    def add(self, transaction: Transaction, now: int) -> None:
        """Keep a transaction that is about to be sent."""
        row = asdict(transaction) | {"role": transaction.role.value, "sent_at": now}
        self.connection.execute(insert(transactions), row)

    def pending(self, role: Role) -> Sequence[SentTransaction]:
        """Return a role's transactions by nonce, then by time."""
        of_role = select(transactions).where(transactions.c.role == role.value)
        rows = self.connection.execute(of_role.order_by(transactions.c.nonce, transactions.c.sent_at))
        return [SentTransaction(Transaction(role, row.nonce, row.hash, row.raw), row.sent_at) for row in rows]

    def settle(self, role: Role, nonce: int) -> None:
        """Forget the transactions with this nonce."""
        same = (transactions.c.role == role.value) & (transactions.c.nonce == nonce)
        self.connection.execute(delete(transactions).where(same))


def _parameters(ids: Sequence[bytes]) -> list[dict[str, bytes]]:
    # Sorted: PostgreSQL's files keep the order of changes, and that of a batch is the order of events on the chain.
    return [{"row": row} for row in sorted(ids)]


def _row(row: Row[Any]) -> OutboxRow:
    return OutboxRow(row.id, row.owner, Errand(row.errand), row.due, row.nonce, row.epoch, row.sealed)
