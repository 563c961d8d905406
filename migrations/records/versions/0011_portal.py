"""Patients sign in: sessions, tickets from one origin to the other, invitations, passkeys, slots of wallets' seeds."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    _table("sessions", _digest("digest"), _text("kind", 8), _subject(nullable=True), _time("created"), _time("expires"),
           _bytes("state"))  # fmt: skip
    _table("tickets", _digest("digest"), _text("purpose", 8), _bytes("session", 32), _subject(nullable=True),
           _time("expires"), _bytes("state"))  # fmt: skip
    _table("invitations", _digest("digest"), _subject(), _time("expires"))
    _table("credentials", sa.Column("credential", sa.LargeBinary, primary_key=True), _subject(), _bytes("public_key"),
           _time("count"))  # fmt: skip
    _table("slots", _digest("id"), _subject(), _text("kind", 10), _bytes("sealed"))
    _table("contacts", sa.Column("subject", sa.String(32), primary_key=True), _bytes("mac", 32))
    _table("declines", sa.Column("subject", sa.String(32), primary_key=True),
           sa.Column("study", sa.String(63), primary_key=True))  # fmt: skip
    op.create_index("sessions_by_subject", "sessions", ["subject"])
    op.create_index("sessions_by_end", "sessions", ["expires"])
    op.create_index("tickets_by_session", "tickets", ["session"])
    op.create_index("tickets_by_end", "tickets", ["expires"])
    op.create_index("invitations_by_subject", "invitations", ["subject"], unique=True)
    op.create_index("credentials_by_subject", "credentials", ["subject"])
    op.create_index("slots_by_subject", "slots", ["subject"])
    op.create_index("contacts_by_mac", "contacts", ["mac"])


def _table(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(name, *columns, sqlite_with_rowid=False)


def _digest(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary(32), primary_key=True)


def _bytes(name: str, length: int | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary(length), nullable=False)


def _text(name: str, length: int) -> sa.Column[object]:
    return sa.Column(name, sa.String(length), nullable=False)


def _subject(*, nullable: bool = False) -> sa.Column[object]:
    return sa.Column("subject", sa.String(32), nullable=nullable)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger, nullable=False)
