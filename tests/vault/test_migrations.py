"""The two histories of schemas lead to the tables that the code expects, and to nothing else."""

import logging
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, create_engine, inspect, select, text

import migrations
from consent.adapters.sql import metadata as consent_metadata
from consent.adapters.sql.studies import SqlStudies
from consent.ports import StoredRelease
from tests.databases import KINDS, bytes_at_rest, fresh_database, opened
from vault import open_keys
from vault.tables import keys_metadata, records_metadata, vault_records

EXPECTED: dict[migrations.History, list[MetaData]] = {
    "records": [records_metadata, consent_metadata],
    "keys": [keys_metadata],
}


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """A new database, empty."""
    if request.param == "postgresql":
        return opened(fresh_database())
    return create_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index entries_")
@pytest.mark.parametrize("history", ["records", "keys"])
def test_a_migrated_database_is_what_the_tables_say(engine: Engine, history: migrations.History) -> None:
    migrations.upgrade(engine, history)
    expected = MetaData()
    for metadata in EXPECTED[history]:
        for table in metadata.tables.values():
            table.to_metadata(expected)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _is_plain})
        assert compare_metadata(context, expected) == []


def _is_plain(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out the indexes over expressions, which each database spells its own way."""
    return kind != "index" or not str(name).startswith("entries_")


@pytest.mark.parametrize(
    ("history", "to", "other"), [("records", "0001", "keys"), ("records", "head", "keys"), ("keys", "head", "records")]
)
def test_a_database_belongs_to_its_own_history_alone(
    engine: Engine, history: migrations.History, to: str, other: migrations.History
) -> None:
    migrations.upgrade(engine, history, to)
    with engine.connect() as connection:
        assert migrations.belongs(connection, history)
        assert not migrations.belongs(connection, other), "though both number their revisions alike"


def test_the_order_of_rows_does_not_tell_the_order_of_arrival(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    migrations.upgrade(engine, "records")
    with engine.connect() as connection:
        sql = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'vault_records'").scalar_one()
    assert "WITHOUT ROWID" in sql


def test_records_from_before_they_had_states_stay_as_current(engine: Engine) -> None:
    config = migrations._config("records")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        old = text("INSERT INTO vault_records VALUES (:id, 'anna', 'laboratory', :version, :sealed)")
        for version, sealed in ((1, b"one"), (2, b"two")):
            connection.execute(old, {"id": f"{version:032x}", "version": version, "sealed": sealed})
        connection.commit()
    migrations.upgrade(engine, "records")
    with engine.connect() as connection:
        found = connection.execute(select(vault_records).order_by(vault_records.c.record_id)).all()
    assert [tuple(row) for row in found] == [
        ("anna", f"{version:032x}", version, "laboratory", "current", sealed)
        for version, sealed in ((1, b"one"), (2, b"two"))
    ]


def test_a_release_from_before_it_named_its_dictionary_says_that_it_does_not(engine: Engine) -> None:
    config = migrations._config("records")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        old = "INSERT INTO releases VALUES ('kidneys', 1, :of, :of, :of, :of)"
        connection.execute(text(old), {"of": bytes(32)})
        connection.commit()
    migrations.upgrade(engine, "records")
    with engine.connect() as connection:
        [found] = SqlStudies(connection).releases("kidneys")
    whole = bytes(32)
    assert found == StoredRelease("kidneys", 1, whole, whole, whole, whole, dictionary="", cohort="", gate=b"")


def test_the_records_database_has_no_place_for_keys(engine: Engine) -> None:
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


@pytest.mark.parametrize("history", ["records", "keys"])
def test_a_database_is_empty_until_it_was_upgraded_and_at_head_from_then_on(
    engine: Engine, tmp_path: Path, history: migrations.History
) -> None:
    with engine.connect() as connection:
        assert migrations.is_empty(connection)
    assert not migrations.at_head(engine, history)
    migrations.upgrade(engine, history)
    before = bytes_at_rest(tmp_path)
    assert migrations.at_head(engine, history)
    with engine.connect() as connection:
        assert not migrations.is_empty(connection)
    assert bytes_at_rest(tmp_path) == before


@pytest.mark.parametrize("revision", ["0001", "9999"])
def test_an_older_schema_and_a_newer_one_are_not_at_head(engine: Engine, revision: str) -> None:
    migrations.upgrade(engine, "records")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    assert not migrations.at_head(engine, "records")


def test_a_database_that_does_not_answer_is_not_at_head(tmp_path: Path) -> None:
    (tmp_path / "new.sqlite").write_bytes(b"no database at all, " * 100)
    assert not migrations.at_head(open_keys(tmp_path / "new.sqlite"), "keys")
    absent = create_engine(f"sqlite:///file:{tmp_path / 'absent.sqlite'}?mode=ro&uri=true")
    assert not migrations.at_head(absent, "keys")
    assert not (tmp_path / "absent.sqlite").exists()
    nobody_there = open_keys("postgresql://nobody@127.0.0.1:1/keys")
    assert not migrations.at_head(nobody_there, "keys")
