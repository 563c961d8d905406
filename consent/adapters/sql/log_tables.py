"""The tables beside the log: hashes of whole subtrees, certificates of checkpoints, and what the chain has of them."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table

from consent.adapters.sql.tables import metadata

log_nodes = Table(
    "log_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)

certificates = Table(
    "certificates",
    metadata,
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("bitmap", LargeBinary, nullable=False),
    Column("signature", LargeBinary(96), nullable=False),
    sqlite_with_rowid=False,
)

anchors = Table(
    "anchors",
    metadata,
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("block", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
)

anchor_requests = Table(
    "anchor_requests",
    metadata,
    Column("asked", BigInteger, primary_key=True, autoincrement=False),
)
