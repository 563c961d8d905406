"""The tables of the researchers' door and of the staff. Keys are random, hashes or names; there is no row order."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text

from consent.adapters.sql.tables import metadata

clients = Table(
    "clients",
    metadata,
    Column("client", String(63), primary_key=True),
    Column("role", String(12), nullable=False),
    Column("title", String(200), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Column("mac", LargeBinary(32)),
    sqlite_with_rowid=False,
)

client_credentials = Table(
    "client_credentials",
    metadata,
    Column("kid", String(43), primary_key=True),
    Column("client", String(63), nullable=False),
    Column("jwk", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Column("mac", LargeBinary(32)),
    Index("client_credentials_by_client", "client"),
    sqlite_with_rowid=False,
)

memberships = Table(
    "memberships",
    metadata,
    Column("study", String(63), primary_key=True),
    Column("client", String(63), primary_key=True),
    Column("created", BigInteger, nullable=False),
    Column("mac", LargeBinary(32)),
    Index("memberships_by_client", "client"),
    sqlite_with_rowid=False,
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("id", String(16), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("holder", String(63), nullable=False),
    Column("role", String(12), nullable=False),
    Column("kid", String(43)),
    Column("study", String(63)),
    Column("scopes", String(200), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("mac", LargeBinary(32)),
    Index("api_tokens_by_holder", "holder"),
    Index("api_tokens_by_end", "expires"),
    sqlite_with_rowid=False,
)

assertions = Table(
    "assertions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index("assertions_by_end", "expires"),
    sqlite_with_rowid=False,
)

staff = Table(
    "staff",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("role", String(12), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Column("mac", LargeBinary(32)),
    sqlite_with_rowid=False,
)

staff_credentials = Table(
    "staff_credentials",
    metadata,
    Column("credential", LargeBinary, primary_key=True),
    Column("name", String(63), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("mac", LargeBinary(32)),
    Index("staff_credentials_by_name", "name"),
    sqlite_with_rowid=False,
)

staff_invitations = Table(
    "staff_invitations",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("mac", LargeBinary(32)),
    Index("staff_invitations_by_name", "name", unique=True),
    sqlite_with_rowid=False,
)

drafts = Table(
    "drafts",
    metadata,
    Column("study", String(63), primary_key=True),
    Column("client", String(63), nullable=False),
    Column("state", String(9), nullable=False),
    Column("definition", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("mac", LargeBinary(32)),
    Index("drafts_by_client", "client"),
    sqlite_with_rowid=False,
)

cohorts = Table(
    "cohorts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("study", String(63), nullable=False),
    Column("title", String(200), nullable=False),
    Column("question", String(64), nullable=False),
    Column("query", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    Index("cohorts_by_study", "study", "created"),
    sqlite_with_rowid=False,
)

idempotent = Table(
    "idempotent",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("asked", LargeBinary(32), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("answer", LargeBinary),
    Index("idempotent_by_end", "expires"),
    sqlite_with_rowid=False,
)
