"""The vault's tables: sealed records in one database, wrapped keys in another that no backup of records may hold.

Records and keys are found by random ids and have no row order (`WITHOUT ROWID`): a copy does not tell who came when.
"""

from functools import cache

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint

records_metadata = MetaData()
keys_metadata = MetaData()

vault_records = Table(
    "vault_records",
    records_metadata,
    Column("record_id", String(32), primary_key=True),
    Column("subject", String, nullable=False),
    Column("category", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    # Its index begins with the subject: reading and shredding find their rows by it.
    UniqueConstraint("subject", "category", "version", name="vault_records_by_subject"),
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
