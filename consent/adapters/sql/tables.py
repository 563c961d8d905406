"""The tables of the records database that `consent` owns.

Keys are random or content hashes and the tables have no row order (`WITHOUT ROWID`): the order in which rows arrived
would join a person's consents to events on the chain. Only the log has an order, and it names no address. SQLite's
write-ahead log keeps recent transactions as they came: it is no part of a backup. PostgreSQL keeps that order in its
heap too (docs/threat-model.md).
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

patients = Table(
    "patients",
    metadata,
    Column("subject", String(32), primary_key=True),
    Column("enrolment", LargeBinary(20)),
    Column("blocked", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("mac", LargeBinary(32), primary_key=True),
    Column("subject", String(32), nullable=False),
    Index("identifiers_by_subject", "subject"),
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
    Column("revocation", LargeBinary),
    Index("consents_by_subject", "subject"),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("owner", LargeBinary(32), nullable=False),
    Column("errand", String(8), nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("nonce", BigInteger),
    Column("epoch", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("outbox_by_owner", "owner"),
    Index("outbox_by_slot", "errand", "due"),
    Index("outbox_by_epoch", "epoch"),
    sqlite_with_rowid=False,
)

model_acts = Table(
    "model_acts",
    metadata,
    Column("place", Integer, primary_key=True),
    Column("model", LargeBinary(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("manifest", LargeBinary(32), nullable=False),
    Column("nonce", BigInteger),
)

transactions = Table(
    "transactions",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("role", String(9), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

projected_grants = Table(
    "projected_grants",
    metadata,
    Column("patient", LargeBinary(20), primary_key=True),
    Column("commitment", LargeBinary(32), primary_key=True),
    Column("expires", BigInteger),
    Column("granted_block", BigInteger),
    Column("revoked_block", BigInteger),
    Column("dropped_block", BigInteger),
    Column("generation", BigInteger, nullable=False),
    Index("projected_grants_by_generation", "generation"),
    sqlite_with_rowid=False,
)

projected_models = Table(
    "projected_models",
    metadata,
    Column("model", LargeBinary(32), primary_key=True),
    Column("status", Integer, nullable=False),
    Column("manifest", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)

kept_blocks = Table(
    "kept_blocks",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("history", LargeBinary(32), nullable=False),
)

projection_head = Table(
    "projection_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("block", BigInteger, nullable=False),
    Column("block_hash", LargeBinary(32), nullable=False),
    Column("block_time", BigInteger, nullable=False),
    Column("final_block", BigInteger, nullable=False),
    Column("final_hash", LargeBinary(32), nullable=False),
    Column("final_time", BigInteger, nullable=False),
    Column("history", LargeBinary(32), nullable=False),
    Column("matches", Boolean, nullable=False),
    Column("read_at", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("rows", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
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
    Column("dictionary", Text, nullable=False),
    Column("cohort", Text, nullable=False),
    Column("gate", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
)

openings = Table(
    "openings",
    metadata,
    Column("study", String(63), primary_key=True),
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary(32), primary_key=True),
    Column("owner", LargeBinary(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("parameters", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("state", String(9), nullable=False),
    Column("step", String(32), nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease", String(32), nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("finished", BigInteger),
    Column("cancel_requested", Boolean, nullable=False),
    Column("outcome", LargeBinary, nullable=False),
    Column("failure", String, nullable=False),
    Index("jobs_by_state", "state", "not_before"),
    sqlite_with_rowid=False,
)
