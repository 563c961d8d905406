"""The databases' schemas through time, in two histories: a copy of the records must never hold a key."""

import sqlite3
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DBAPIError

History = Literal["records", "keys"]


def upgrade(engine: Engine, history: History, to: str = "head") -> None:
    """Bring a database, new or old, to the newest schema of its history; says nothing when there is nothing to do.

    `to` names an older revision to stop at.
    """
    config = _config(history)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)


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


def is_empty(connection: Connection) -> bool:
    """Say whether a database has no tables yet."""
    return not inspect(connection).get_table_names()


def _config(history: History) -> Config:
    config = Config()
    # Alembic reads the option through configparser, where a percent sign is special.
    config.set_main_option("script_location", str(Path(__file__).parent / history).replace("%", "%%"))
    return config
