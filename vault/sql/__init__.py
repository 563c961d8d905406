"""All SQL of the vault: the engine of the keys database, and the statements on either database."""

from vault.sql.engine import open_keys

__all__ = ["open_keys"]
