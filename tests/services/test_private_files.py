"""Whatever the umask, what an installation makes is for its owner only, from the moment it is there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import migrations
from consent import wiring
from consent.adapters.sql import open_records
from tests.services.house import House, created, receive, settings_of
from tests.services.restoring import backed_up, restored
from vault import open_keys
from vault.files import append_private, make_private
from vault.sql import keep_private


@pytest.fixture(autouse=True)
def _no_umask() -> Iterator[None]:
    """Whatever is made without a word about its mode is for everyone."""
    usual = os.umask(0)
    yield
    os.umask(usual)


def open_to_others(home: Path) -> list[str]:
    return [str(path) for path in (home, *home.rglob("*")) if path.exists() and path.stat().st_mode & 0o077]


def test_nothing_of_an_installation_is_readable_by_others(tmp_path: Path) -> None:
    home = tmp_path / "hospital" / "home"
    wallets = created(settings_of(home), range(2))
    assert open_to_others(home) == []
    with House.opened(home, wallets) as house:
        receive(house.open, 900)
        house.grant(house.people[0])
        house.anchor()
        beside = {path.name for path in home.iterdir()}
        assert {"records.sqlite-wal", "records.sqlite-shm", "chain.sqlite-wal", "chain.sqlite-shm"} <= beside
        assert open_to_others(home) == []
        made = backed_up(house, home / "backups")
        house.turn_epoch()
        newest = house.open.keys.back_up(home / "backups" / "keys")
    assert open_to_others(home) == []
    restored(home, made.records, newest, made.chain)
    with House.opened(home, wallets):
        assert open_to_others(home) == []
    assert open_to_others(home) == []


def test_a_folder_that_was_there_keeps_its_mode_and_the_operators_is_closed(tmp_path: Path) -> None:
    (tmp_path / "home" / "operator").mkdir(parents=True)
    wiring.create(settings_of(tmp_path / "home"))
    assert open_to_others(tmp_path / "home") == [str(tmp_path / "home")]


@pytest.mark.parametrize("history", ["records", "keys"])
def test_a_database_is_private_before_anything_is_in_it(tmp_path: Path, history: migrations.History) -> None:
    engine = {"records": open_records, "keys": open_keys}[history](tmp_path / "new.sqlite")
    assert list(tmp_path.iterdir()) == [], "nothing is made until it is needed"
    with engine.connect():
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    migrations.upgrade(engine, history)
    engine.dispose()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_file_that_is_there_keeps_what_it_holds_and_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_bytes(b"one")
    path.chmod(0o640)
    make_private(path)
    with append_private(path) as file:
        file.write(b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"onetwo", 0o640)


def test_where_no_file_can_be_made_the_database_says_so(tmp_path: Path) -> None:
    make_private(tmp_path / "nowhere" / "file")
    engine = create_engine(f"sqlite:///{tmp_path}/nowhere/file")
    keep_private(engine, tmp_path / "nowhere" / "file")
    with pytest.raises(migrations.MigrationError, match="cannot be read or written"):
        migrations.upgrade(engine, "keys")
