"""The records database: `SqlStore` is the `Store` port, `open_records` opens it, `metadata` holds the tables."""

from consent.adapters.sql import api_tables, log_tables, portal_tables  # noqa: F401  # tables for the metadata
from consent.adapters.sql.engines import open_records
from consent.adapters.sql.store import SqlStore, SqlUnit
from consent.adapters.sql.tables import metadata

__all__ = ["SqlStore", "SqlUnit", "metadata", "open_records"]
