"""The researchers' door: who may ask, with which keys and for which study; drafts, cohorts, answers that were given.

Rows that let somebody in carry a MAC, as those of patients do.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_NAME, _ROLE = 63, 12


def upgrade() -> None:
    _table("clients", _name("client", primary_key=True), _role(), _line("title"), _time("created"), _revoked(), _mac())
    _table("client_credentials", sa.Column("kid", sa.String(43), primary_key=True), _name("client"), _bytes("jwk"),
           _time("created"), _revoked(), _mac())  # fmt: skip
    op.create_index("client_credentials_by_client", "client_credentials", ["client"])
    _table("memberships", _name("study", primary_key=True), _name("client", primary_key=True), _time("created"), _mac())
    op.create_index("memberships_by_client", "memberships", ["client"])
    _table("api_tokens", _digest("digest"), _text("id", 16), _text("kind", 8), _name("holder"), _role(),
           sa.Column("kid", sa.String(43)), sa.Column("study", sa.String(_NAME)), _line("scopes"), _time("created"),
           _time("expires"), _mac())  # fmt: skip
    op.create_index("api_tokens_by_holder", "api_tokens", ["holder"])
    op.create_index("api_tokens_by_end", "api_tokens", ["expires"])
    _table("assertions", _digest("digest"), _time("expires"))
    op.create_index("assertions_by_end", "assertions", ["expires"])
    _table("staff", _name("name", primary_key=True), _role(), _time("created"), _revoked(), _mac())
    _table("staff_credentials", sa.Column("credential", sa.LargeBinary, primary_key=True), _name("name"),
           _bytes("public_key"), _time("count"), _mac())  # fmt: skip
    op.create_index("staff_credentials_by_name", "staff_credentials", ["name"])
    _table("staff_invitations", _digest("digest"), _name("name"), _time("expires"), _mac())
    op.create_index("staff_invitations_by_name", "staff_invitations", ["name"], unique=True)
    _table("drafts", _name("study", primary_key=True), _name("client"), _text("state", 9), _bytes("definition"),
           _time("created"), _time("changed"), sa.Column("reason", sa.Text, nullable=False), _mac())  # fmt: skip
    op.create_index("drafts_by_client", "drafts", ["client"])
    _table("cohorts", sa.Column("id", sa.String(32), primary_key=True), _name("study"), _line("title"),
           _text("question", 64), _bytes("query"), _time("created"))  # fmt: skip
    op.create_index("cohorts_by_study", "cohorts", ["study", "created"])
    _table("idempotent", _digest("key"), sa.Column("asked", sa.LargeBinary(32), nullable=False), _time("epoch"),
           _time("expires"), sa.Column("answer", sa.LargeBinary))  # fmt: skip
    op.create_index("idempotent_by_end", "idempotent", ["expires"])


def _table(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(name, *columns, sqlite_with_rowid=False)


def _name(name: str, *, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(_NAME), primary_key=primary_key, nullable=False)


def _role() -> sa.Column[object]:
    return _text("role", _ROLE)


def _text(name: str, length: int) -> sa.Column[object]:
    return sa.Column(name, sa.String(length), nullable=False)


def _line(name: str) -> sa.Column[object]:
    return _text(name, 200)


def _digest(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary(32), primary_key=True)


def _bytes(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _revoked() -> sa.Column[object]:
    return sa.Column("revoked", sa.BigInteger)


def _mac() -> sa.Column[object]:
    return sa.Column("mac", sa.LargeBinary(32))
