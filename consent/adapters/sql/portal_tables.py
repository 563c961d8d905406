"""The tables of the patients' pages, beside those of sign-in; what is personal is sealed under the person's key."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from consent.adapters.sql.tables import metadata

reports = Table(
    "reports",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("subject", String(32), nullable=False),
    Column("entry", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("answered", BigInteger),
    Column("answer", LargeBinary),
    Index("reports_by_subject", "subject"),
    sqlite_with_rowid=False,
)

wishes = Table(
    "wishes",
    metadata,
    Column("subject", String(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

replacements = Table(
    "replacements",
    metadata,
    Column("subject", String(32), primary_key=True),
    Column("due", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

notices = Table(
    "notices",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("due", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Index("notices_by_due", "due"),
    sqlite_with_rowid=False,
)

noticed = Table(
    "noticed",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("time", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

notice_progress = Table(
    "notice_progress",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("read", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
