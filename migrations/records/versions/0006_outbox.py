"""Outbox rows that name nobody; the patient's own revocation is kept with the consent, sealed."""

import sqlalchemy as sa
from alembic import op

from migrations import MigrationError

revision = "0006"
down_revision = "0005"


class OutboxNotEmptyError(MigrationError):
    """Acknowledged items wait in clear, and only their ledger can tell what becomes of them."""


def upgrade() -> None:
    """Make the outbox anew; raise `OutboxNotEmptyError`, having changed nothing, while anything waits in it."""
    _require_published()
    op.drop_table("outbox")
    op.create_table(
        "outbox",
        sa.Column("id", sa.LargeBinary(32), primary_key=True),
        sa.Column("owner", sa.LargeBinary(32), nullable=False),
        sa.Column("errand", sa.String(8), nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("nonce", sa.BigInteger),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("outbox_by_owner", "outbox", ["owner"])
    op.create_index("outbox_by_slot", "outbox", ["errand", "due"])
    op.create_index("outbox_by_epoch", "outbox", ["epoch"])
    op.add_column("consents", sa.Column("revocation", sa.LargeBinary))
    # What the chain has said nothing of stood here in clear, by an address, from the moment that it was handed in.
    op.execute("DELETE FROM projected_grants WHERE generation = 0")


def _require_published() -> None:
    if op.get_bind().execute(sa.text("SELECT 1 FROM outbox LIMIT 1")).first() is not None:
        raise OutboxNotEmptyError(
            "items wait for the ledger in clear: run the ledger of the version before until none does, then upgrade"
        )
