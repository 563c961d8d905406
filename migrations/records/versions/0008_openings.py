"""Openings whose owner only the living can tell; what stood there in clear is blinded by `consentry upgrade`."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    as_bytes = "convert_to(subject, 'UTF8')" if op.get_bind().dialect.name == "postgresql" else "CAST(subject AS BLOB)"
    op.create_table(
        "openings_new",
        sa.Column("study", sa.String(63), primary_key=True),
        sa.Column("release", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("leaf", sa.LargeBinary(32), primary_key=True),
        sa.Column("owner", sa.LargeBinary(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO openings_new (study, release, leaf, owner, sealed) "  # noqa: S608  # ours
        f"SELECT study, release, leaf, {as_bytes}, sealed FROM openings"
    )
    op.drop_table("openings")
    op.rename_table("openings_new", "openings")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX openings_new_pkey RENAME TO openings_pkey")
