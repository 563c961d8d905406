"""Records by name and version, each with a state; attachments in parts. What was there stays, as current."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _records("vault_records_new")
    # A record's context holds neither its state nor its place in the table: the sealed bytes open as before.
    op.execute(
        "INSERT INTO vault_records_new (subject, record_id, version, category, state, sealed)"
        " SELECT subject, record_id, version, category, 'current', sealed FROM vault_records"
    )
    op.drop_table("vault_records")
    op.rename_table("vault_records_new", "vault_records")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX vault_records_new_pkey RENAME TO vault_records_pkey")
    op.create_table(
        "vault_parts",
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("record_id", sa.String(32), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def _records(name: str) -> None:
    op.create_table(
        name,
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("record_id", sa.String(32), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
