"""Patients, log, consents, outbox, projection, studies and releases."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _people()
    _log()
    _ledger()
    _studies()


def _people() -> None:
    op.create_table(
        "patients",
        sa.Column("subject", sa.String(32), primary_key=True),
        sa.Column("identifier_mac", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("enrolment", sa.LargeBinary(20)),
        sa.Column("blocked", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("stopped", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("consents_by_subject", "consents", ["subject"])


def _log() -> None:
    op.create_table(
        "entries",
        sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("leaf", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("note", sa.String, nullable=False),
    )


def _ledger() -> None:
    op.create_table(
        "outbox",
        sa.Column("commitment", sa.LargeBinary(32), primary_key=True),
        sa.Column("errand", sa.String(8), primary_key=True),
        sa.Column("patient", sa.LargeBinary(20), nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("publish_by", sa.BigInteger, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "projected_grants",
        sa.Column("patient", sa.LargeBinary(20), primary_key=True),
        sa.Column("commitment", sa.LargeBinary(32), primary_key=True),
        sa.Column("expires", sa.Integer),
        sa.Column("granted_block", sa.Integer),
        sa.Column("revoked_block", sa.Integer),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "projection_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("block", sa.Integer, nullable=False),
        sa.Column("block_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("block_time", sa.Integer, nullable=False),
        sa.Column("history", sa.LargeBinary(32), nullable=False),
        sa.Column("matches", sa.Boolean, nullable=False),
        sa.Column("read_at", sa.Integer, nullable=False),
    )


def _studies() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.String(63), primary_key=True),
        sa.Column("definition", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "releases",
        sa.Column("study", sa.String(63), primary_key=True),
        sa.Column("release", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("model_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("model", sa.LargeBinary, nullable=False),
        sa.Column("evaluation", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "openings",
        sa.Column("study", sa.String(63), primary_key=True),
        sa.Column("release", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("leaf", sa.LargeBinary(32), primary_key=True),
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
