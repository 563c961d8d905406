"""People known by several identifiers."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "identifiers",
        sa.Column("mac", sa.LargeBinary(32), primary_key=True),
        sa.Column("subject", sa.String(32), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("identifiers_by_subject", "identifiers", ["subject"])
    op.execute("INSERT INTO identifiers (mac, subject) SELECT identifier_mac, subject FROM patients")
    _patients_without_identifier()


def _patients_without_identifier() -> None:
    op.create_table(
        "patients_new",
        sa.Column("subject", sa.String(32), primary_key=True),
        sa.Column("enrolment", sa.LargeBinary(20)),
        sa.Column("blocked", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO patients_new (subject, enrolment, blocked) SELECT subject, enrolment, blocked FROM patients"
    )
    op.drop_table("patients")
    op.rename_table("patients_new", "patients")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX patients_new_pkey RENAME TO patients_pkey")
