"""The databases' schemas through time, in two histories: a copy of the records must never hold a key."""

import sqlite3
from pathlib import Path
from typing import Final, Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DBAPIError

History = Literal["records", "keys"]
_FIRST: Final[dict[History, str]] = {"records": "vault_records", "keys": "key_epochs"}
"""The table that each history begins with: both number their revisions alike."""


class MigrationError(Exception):
    """A database cannot be brought to the newest schema, and was left as it is; the message says what to do."""


def upgrade(engine: Engine, history: History, to: str = "head") -> None:
    """Bring a database, new or old, to the newest schema of its history; says nothing when there is nothing to do.

    `to` names an older revision to stop at. Raises `MigrationError`.
    """
    config = _config(history)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, to)
    except CommandError as error:
        raise MigrationError(
            f"this is no {history} database, or one of a newer version: name the right one, or install that version"
        ) from error
    except (DBAPIError, sqlite3.Error) as error:
        raise MigrationError(
            f"the {history} database cannot be read or written: see that it runs, is whole and may be written"
        ) from error


def at_head(engine: Engine, history: History) -> bool:
    """Say whether a database has the newest schema that this code knows, not an older or newer one; changes nothing.

    A database that does not answer has not.
    """
    newest = set(ScriptDirectory.from_config(_config(history)).get_heads())
    try:
        with engine.connect() as connection:
            return set(MigrationContext.configure(connection).get_current_heads()) == newest
    except (DBAPIError, sqlite3.Error):
        return False


def belongs(connection: Connection, history: History) -> bool:
    """Say whether a database has a schema of this history, old or new: no empty one has, nor one of newer code."""
    found = set(MigrationContext.configure(connection).get_current_heads())
    known = {script.revision for script in ScriptDirectory.from_config(_config(history)).walk_revisions()}
    return bool(found) and found <= known and inspect(connection).has_table(_FIRST[history])


def is_empty(connection: Connection) -> bool:
    """Say whether a database has no tables yet."""
    return not inspect(connection).get_table_names()


def _config(history: History) -> Config:
    config = Config()
    # Alembic reads the option through configparser, where a percent sign is special.
    config.set_main_option("script_location", str(Path(__file__).parent / history).replace("%", "%%"))
    return config
