"""Rows that were derived from somebody's records, sealed and kept until anything new comes in for that person."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "vault_derived",
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("derived_id", sa.String(32), primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
