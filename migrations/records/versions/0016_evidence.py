"""Beside the log: hashes of whole subtrees, so that proofs stay short; certificates; what the chain has, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "log_nodes",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "certificates",
        sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("bitmap", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary(96), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "anchors",
        sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("block", sa.BigInteger, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
    )
    op.create_table("anchor_requests", sa.Column("asked", sa.BigInteger, primary_key=True, autoincrement=False))
