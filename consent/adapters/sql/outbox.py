"""What is on its way to the chain, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or_leave

from consent.adapters.sql.tables import model_acts, outbox, transactions
from consent.domain.typed_data import Address
from consent.ports import Errand, ModelAct, ModelStatus, OutboxItem, Role, SentTransaction, Transaction

_VARIABLES = 500
_ITEM = (outbox.c.patient == bindparam("of")) & (outbox.c.commitment == bindparam("about"))


@dataclass(frozen=True)
class SqlOutbox:
    """`Outbox` on one transaction."""

    connection: Connection

    def add(self, items: Sequence[OutboxItem]) -> None:
        """Queue items; one that is queued already stays as it is."""
        if items:
            rows = [asdict(item) | {"errand": item.errand.value} for item in items]
            self.connection.execute(insert_or_leave(outbox).on_conflict_do_nothing(), rows)

    def due(self, errand: Errand, now: int, limit: int) -> Sequence[OutboxItem]:
        """Return items that are due and in no transaction, by slot, then by commitment, which is random."""
        ready = (outbox.c.errand == errand.value) & outbox.c.nonce.is_(None) & (outbox.c.due <= now)
        query = select(outbox).where(ready).order_by(outbox.c.due, outbox.c.commitment).limit(limit)
        return [_item(row) for row in self.connection.execute(query)]

    def slots(self, addresses: Sequence[Address]) -> Sequence[int]:
        """Return the slots of all items that wait for these addresses."""
        return [
            slot
            for start in range(0, len(addresses), _VARIABLES)
            for slot in self.connection.scalars(
                select(outbox.c.due).where(outbox.c.patient.in_(addresses[start : start + _VARIABLES]))
            )
        ]

    def carry(self, errand: Errand, keys: Sequence[tuple[Address, bytes]], nonce: int | None) -> int:
        """Note which transaction carries these items; return how many of them wait."""
        statement = update(outbox).where(outbox.c.errand == errand.value, _ITEM).values(nonce=nonce)
        return self.connection.execute(statement, _parameters(keys)).rowcount if keys else 0

    def release(self, errand: Errand, nonce: int) -> None:
        """Take the items of a transaction out of it."""
        carried = (outbox.c.errand == errand.value) & (outbox.c.nonce == nonce)
        self.connection.execute(update(outbox).where(carried).values(nonce=None))

    def remove(self, errand: Errand, keys: Sequence[tuple[Address, bytes]]) -> None:
        """Forget items, by patient address and commitment."""
        if keys:
            statement = delete(outbox).where(outbox.c.errand == errand.value, _ITEM)
            self.connection.execute(statement, _parameters(keys))

    def everything(self) -> Sequence[OutboxItem]:
        """Return all items, in the order of their commitments."""
        return [_item(row) for row in self.connection.execute(select(outbox).order_by(outbox.c.commitment))]

    def size(self) -> int:
        """Return how many items wait."""
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


def _parameters(keys: Sequence[tuple[Address, bytes]]) -> list[dict[str, bytes]]:
    return [{"of": patient, "about": commitment} for patient, commitment in keys]


def _item(row: Row[Any]) -> OutboxItem:
    return OutboxItem(
        errand=Errand(row.errand),
        patient=Address(row.patient),
        commitment=row.commitment,
        expires=row.expires,
        publish_by=row.publish_by,
        signature=row.signature,
        due=row.due,
        nonce=row.nonce,
    )
