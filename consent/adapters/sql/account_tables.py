"""The tables of sign-in. Their keys are random or hashes and they have no row order, as in `tables`."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table

from consent.adapters.sql.tables import metadata

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("subject", String(32)),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("mac", LargeBinary(32)),
    Index("sessions_by_subject", "subject"),
    Index("sessions_by_end", "expires"),
    sqlite_with_rowid=False,
)

tickets = Table(
    "tickets",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("purpose", String(8), nullable=False),
    Column("session", LargeBinary(32), nullable=False),
    Column("subject", String(32)),
    Column("expires", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("mac", LargeBinary(32)),
    Index("tickets_by_session", "session"),
    Index("tickets_by_end", "expires"),
    sqlite_with_rowid=False,
)

invitations = Table(
    "invitations",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("subject", String(32), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("mac", LargeBinary(32)),
    Index("invitations_by_subject", "subject", unique=True),
    sqlite_with_rowid=False,
)

credentials = Table(
    "credentials",
    metadata,
    Column("credential", LargeBinary, primary_key=True),
    Column("subject", String(32), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("mac", LargeBinary(32)),
    Index("credentials_by_subject", "subject"),
    sqlite_with_rowid=False,
)

slots = Table(
    "slots",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("subject", String(32), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("made", BigInteger),
    Index("slots_by_subject", "subject"),
    sqlite_with_rowid=False,
)

contacts = Table(
    "contacts",
    metadata,
    Column("subject", String(32), primary_key=True),
    Column("mac", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(32)),
    Column("sealed", LargeBinary),
    Index("contacts_by_mac", "mac"),
    sqlite_with_rowid=False,
)

declines = Table(
    "declines",
    metadata,
    Column("subject", String(32), primary_key=True),
    Column("study", String(63), primary_key=True),
    sqlite_with_rowid=False,
)
