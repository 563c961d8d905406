"""Releases that say from which dictionary and cohort they came, and what the release gate found."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("releases", sa.Column("dictionary", sa.Text, nullable=False, server_default=""))
    op.add_column("releases", sa.Column("cohort", sa.Text, nullable=False, server_default=""))
    empty = sa.text("'\\x'::bytea") if op.get_bind().dialect.name == "postgresql" else sa.text("X''")
    op.add_column("releases", sa.Column("gate", sa.LargeBinary, nullable=False, server_default=empty))
    op.add_column("releases", sa.Column("envelope", sa.LargeBinary, nullable=False, server_default=empty))
