"""The whole portal: reports about accesses, wishes about being asked, new keys that wait, letters that go out.

Rows that let somebody in carry a MAC from now on: whoever can write to this database, and holds no key, lets nobody in.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_SUBJECT = {
    "sqlite": """substr(body, instr(body, x'227375626a656374223a22') + 11, 32)""",
    "postgresql": """substring(body from position('\\x227375626a656374223a22'::bytea in body) + 11 for 32)""",
}
"""The 32 bytes behind `"subject":"`, which as JSON's quotes are escaped stands in no text of an entry."""


def upgrade() -> None:
    op.execute("DELETE FROM tickets")
    op.execute("DELETE FROM sessions")
    for table in ("sessions", "tickets", "invitations", "credentials", "contacts"):
        op.add_column(table, sa.Column("mac" if table != "contacts" else "seal", sa.LargeBinary(32)))
    op.add_column("contacts", sa.Column("sealed", sa.LargeBinary))
    op.add_column("slots", sa.Column("made", sa.BigInteger))
    _table("reports", sa.Column("id", sa.String(8), primary_key=True), _subject(), _time("entry"), _time("created"),
           _bytes("sealed"), sa.Column("answered", sa.BigInteger), sa.Column("answer", sa.LargeBinary))  # fmt: skip
    op.create_index("reports_by_subject", "reports", ["subject"])
    _table("wishes", _subject(primary_key=True), _bytes("sealed"))
    _table("replacements", _subject(primary_key=True), _time("due"), _bytes("sealed"))
    _table("notices", _digest("id"), _time("due"), sa.Column("epoch", sa.Integer, nullable=False), _bytes("sealed"),
           sa.Column("tries", sa.Integer, nullable=False))  # fmt: skip
    op.create_index("notices_by_due", "notices", ["due"])
    _table("noticed", _digest("id"), _time("time"))
    _table("notice_progress", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), _time("read"))
    subject = _SUBJECT[op.get_bind().dialect.name]
    op.execute(f'CREATE INDEX entries_by_subject ON entries (({subject}), "index")')


def _table(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(name, *columns, sqlite_with_rowid=False)


def _digest(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary(32), primary_key=True)


def _bytes(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _subject(*, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column("subject", sa.String(32), primary_key=primary_key, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger, nullable=False)
