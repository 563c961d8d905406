"""Epochs of keys; the store of an epoch's wrapped keys is made and dropped with the epoch."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "key_epochs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(6), nullable=False),
        sa.Column("check", sa.LargeBinary(16), nullable=False),
    )
