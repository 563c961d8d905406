"""The vault's tables: sealed records in one database, wrapped keys in another that no backup of records may hold.

Records and keys are found by random ids and have no row order in SQLite (`WITHOUT ROWID`): a copy does not tell who
came when. PostgreSQL's heap does; what may be read from that is in docs/threat-model.md.
"""

from functools import cache

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table

records_metadata = MetaData()
keys_metadata = MetaData()

vault_records = Table(
    "vault_records",
    records_metadata,
    # The subject comes first: on SQLite a person's rows lie together, and reading and shredding find them by it.
    Column("subject", String, primary_key=True),
    Column("record_id", String(32), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("category", String, nullable=False),
    Column("state", String(10), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

vault_parts = Table(
    "vault_parts",
    records_metadata,
    Column("subject", String, primary_key=True),
    Column("record_id", String(32), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

vault_derived = Table(
    "vault_derived",
    records_metadata,
    Column("subject", String, primary_key=True),
    Column("derived_id", String(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

key_epochs = Table(
    "key_epochs",
    keys_metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String(6), nullable=False),
    Column("check", LargeBinary(16), nullable=False),
)


@cache
def wrapped_keys(epoch: int) -> Table:
    """Return the table of one epoch's wrapped keys. It is made and dropped with its epoch, never by a migration."""
    return Table(
        f"wrapped_keys_{epoch}",
        MetaData(),
        Column("subject", String, primary_key=True),
        Column("wrapped", LargeBinary, nullable=False),
        Column("check", LargeBinary(16), nullable=False),
        sqlite_with_rowid=False,
    )
