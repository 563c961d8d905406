"""The tables of the records database that `consent` owns.

Keys are random or content hashes and the tables have no row order (`WITHOUT ROWID`): the order in which rows arrived
would join a person's consents to events on the chain. Only the log has an order, and it names no address.
"""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

patients = Table(
    "patients",
    metadata,
    Column("subject", String(32), primary_key=True),
    Column("identifier_mac", LargeBinary(32), nullable=False, unique=True),
    Column("enrolment", LargeBinary(20)),
    Column("blocked", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

entries = Table(
    "entries",
    metadata,
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", LargeBinary(32), nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("note", String, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("subject", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("stopped", Boolean, nullable=False),
    Index("consents_by_subject", "subject"),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("commitment", LargeBinary(32), primary_key=True),
    Column("errand", String(8), primary_key=True),
    Column("patient", LargeBinary(20), nullable=False),
    Column("expires", Integer, nullable=False),
    Column("publish_by", Integer, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    sqlite_with_rowid=False,
)

projected_grants = Table(
    "projected_grants",
    metadata,
    Column("patient", LargeBinary(20), primary_key=True),
    Column("commitment", LargeBinary(32), primary_key=True),
    Column("expires", Integer),
    Column("granted_block", Integer),
    Column("revoked_block", Integer),
    sqlite_with_rowid=False,
)

projection_head = Table(
    "projection_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("block", Integer, nullable=False),
    Column("block_hash", LargeBinary(32), nullable=False),
    Column("block_time", Integer, nullable=False),
    Column("history", LargeBinary(32), nullable=False),
    Column("matches", Boolean, nullable=False),
    Column("read_at", Integer, nullable=False),
)

studies = Table(
    "studies",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("definition", LargeBinary, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("study", String(63), primary_key=True),
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("model_hash", LargeBinary(32), nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("model", LargeBinary, nullable=False),
    Column("evaluation", LargeBinary, nullable=False),
)

openings = Table(
    "openings",
    metadata,
    Column("study", String(63), primary_key=True),
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary(32), primary_key=True),
    Column("subject", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
