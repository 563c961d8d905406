"""All SQL of the vault: the engine of the keys database, and the statements on either database.

The records database is its caller's, who opens it as the keys are opened: `sqlite_path`, `open_postgresql`.
"""

from vault.sql.engine import open_keys
from vault.sql.engine import reading as reading_keys
from vault.sql.places import keep_private, sqlite_path
from vault.sql.postgresql import is_postgresql, open_postgresql

__all__ = ["is_postgresql", "keep_private", "open_keys", "open_postgresql", "reading_keys", "sqlite_path"]
