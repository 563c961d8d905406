"""The databases' schemas through time, in two histories: a copy of the records must never hold a key."""

from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

History = Literal["records", "keys"]


def upgrade(engine: Engine, history: History) -> None:
    """Bring a database, new or old, to the newest schema of its history; says nothing when there is nothing to do."""
    config = Config()
    # Alembic reads the option through configparser, where a percent sign is special.
    config.set_main_option("script_location", str(Path(__file__).parent / history).replace("%", "%%"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
