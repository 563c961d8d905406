"""Sealed records."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "vault_records",
        sa.Column("record_id", sa.String(32), primary_key=True),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("subject", "category", "version", name="vault_records_by_subject"),
        sqlite_with_rowid=False,
    )
