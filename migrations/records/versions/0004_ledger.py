"""The ledger's own process: slots, transactions kept before they are sent, a projection that others read."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _outbox()
    _projection()


def _outbox() -> None:
    # Added, not made anew: what waits here was acknowledged.
    op.add_column("outbox", sa.Column("due", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("outbox", sa.Column("nonce", sa.BigInteger))
    op.create_index("outbox_by_patient", "outbox", ["patient"])
    op.create_index("outbox_by_slot", "outbox", ["errand", "due"])
    op.create_table(
        "model_acts",
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("model", sa.LargeBinary(32), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("manifest", sa.LargeBinary(32), nullable=False),
        sa.Column("nonce", sa.BigInteger),
    )
    op.create_table(
        "transactions",
        sa.Column("hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("role", sa.String(9), nullable=False),
        sa.Column("nonce", sa.BigInteger, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _projection() -> None:
    op.drop_table("projected_grants")
    op.drop_table("projection_head")
    op.create_table(
        "projected_grants",
        sa.Column("patient", sa.LargeBinary(20), primary_key=True),
        sa.Column("commitment", sa.LargeBinary(32), primary_key=True),
        sa.Column("expires", sa.BigInteger),
        sa.Column("granted_block", sa.BigInteger),
        sa.Column("revoked_block", sa.BigInteger),
        sa.Column("dropped_block", sa.BigInteger),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("projected_grants_by_generation", "projected_grants", ["generation"])
    op.create_table(
        "projected_models",
        sa.Column("model", sa.LargeBinary(32), primary_key=True),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("manifest", sa.LargeBinary(32), nullable=False),
        sqlite_with_rowid=False,
    )
    _heads()


def _heads() -> None:
    op.create_table(
        "kept_blocks",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("history", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "projection_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("block", sa.BigInteger, nullable=False),
        sa.Column("block_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("block_time", sa.BigInteger, nullable=False),
        sa.Column("final_block", sa.BigInteger, nullable=False),
        sa.Column("final_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("final_time", sa.BigInteger, nullable=False),
        sa.Column("history", sa.LargeBinary(32), nullable=False),
        sa.Column("matches", sa.Boolean, nullable=False),
        sa.Column("read_at", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.LargeBinary(32), nullable=False),
        sa.Column("seal", sa.LargeBinary(32), nullable=False),
    )
