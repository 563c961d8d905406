"""The two histories of schemas lead to the tables that the code expects, and to nothing else."""

import logging
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, inspect

import migrations
from consent.adapters.sql import metadata as consent_metadata
from vault import open_keys
from vault.tables import keys_metadata, records_metadata

EXPECTED: dict[migrations.History, list[MetaData]] = {
    "records": [records_metadata, consent_metadata],
    "keys": [keys_metadata],
}


@pytest.mark.parametrize("history", ["records", "keys"])
def test_a_migrated_database_is_what_the_tables_say(tmp_path: Path, history: migrations.History) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    migrations.upgrade(engine, history)
    expected = MetaData()
    for metadata in EXPECTED[history]:
        for table in metadata.tables.values():
            table.to_metadata(expected)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), expected) == []


def test_the_order_of_rows_does_not_tell_the_order_of_arrival(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    migrations.upgrade(engine, "records")
    with engine.connect() as connection:
        sql = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'vault_records'").scalar_one()
    assert "WITHOUT ROWID" in sql


def test_the_records_database_has_no_place_for_keys(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    migrations.upgrade(engine, "records")
    assert not [name for name in inspect(engine).get_table_names() if "key" in name]


def test_upgrading_again_changes_nothing_and_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine, handlers = open_keys(tmp_path / "100%.sqlite"), list(logging.getLogger().handlers)
    migrations.upgrade(engine, "keys")
    before = (tmp_path / "100%.sqlite").read_bytes()
    migrations.upgrade(engine, "keys")
    assert (tmp_path / "100%.sqlite").read_bytes() == before
    assert logging.getLogger().handlers == handlers
    assert capfd.readouterr() == ("", "")
