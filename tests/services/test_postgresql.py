"""An installation on PostgreSQL: made where nothing is, opened by every process through its settings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from consent import wiring
from consent.domain.errors import RecordsUnavailableError
from consent.settings import Databases, Settings, SettingsError
from tests.databases import NOTE, bytes_at_rest, fresh_database, give_databases, migrated, server
from tests.services.house import PASSPHRASE, House, created, settings_of

URL = "postgresql://anna:secret@127.0.0.1:1/records"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that name two new databases."""
    home = tmp_path / "home"
    home.mkdir()
    give_databases(home, "postgresql", empty=True)
    return settings_of(home)


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    """A hospital with three patients."""
    wallets = created(settings, range(3))
    with House.opened(settings.home, wallets) as house:
        yield house


def consentry(house: House, *words: object) -> "subprocess.CompletedProcess[str]":
    passphrase = house.settings.home.parent / "passphrase"
    passphrase.write_bytes(PASSPHRASE)
    there = house.settings.databases
    named = {"CONSENTRY_RECORDS": there.records, "CONSENTRY_KEYS": there.keys}
    environment = os.environ | named | {"CONSENTRY_PASSPHRASE_FILE": str(passphrase)}
    command = [sys.executable, "-m", "consent.cli", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_an_installation_leaves_no_database_file_in_its_folder(house: House) -> None:
    house.grant(house.people[0])
    house.publish()
    assert house.verdict(house.people[0]) == "PERMIT"
    assert [path.name for path in house.settings.home.rglob("*.sqlite")] == ["chain.sqlite"]
    assert house.people[0].encode() in bytes_at_rest(house.settings.home)


def test_a_verifier_and_a_worker_find_the_databases_by_the_environment(house: House) -> None:
    assert consentry(house, "jobs", house.settings.home).returncode == 0
    verified = consentry(house, "verify", house.settings.home)
    assert "checks hold" in verified.stdout, verified.stderr
    assert house.settings.databases.records not in verified.stdout + verified.stderr


def test_a_database_that_holds_something_is_not_used_for_a_new_installation(settings: Settings) -> None:
    taken = replace(settings, databases=Databases(fresh_database(migrated("records")), settings.databases.keys))
    with pytest.raises(wiring.InstallationError, match="new, empty"):
        wiring.create(taken)
    assert [path.name for path in settings.home.iterdir()] == [NOTE], "nothing was made"


def test_two_urls_of_one_database_are_refused(settings: Settings) -> None:
    records = settings.databases.records
    other_spelling = (
        make_url(records).update_query_dict({"application_name": "x"}).render_as_string(hide_password=False)
    )
    with pytest.raises(wiring.InstallationError, match="two new"):
        wiring.create(replace(settings, databases=Databases(records, other_spelling)))


def test_a_server_that_does_not_answer_is_told_of_before_anything_is_made(settings: Settings) -> None:
    with pytest.raises(RecordsUnavailableError) as caught:
        wiring.create(replace(settings, databases=Databases(URL, settings.databases.keys)))
    assert "secret" not in f"{caught.value}{caught.value.__cause__}"
    assert [path.name for path in settings.home.iterdir()] == [NOTE]


def test_the_environment_names_both_databases_and_no_error_or_print_repeats_them(tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_bytes(PASSPHRASE)
    named = {
        "CONSENTRY_PASSPHRASE_FILE": str(passphrase),
        "CONSENTRY_RECORDS": URL,
        "CONSENTRY_KEYS": "sqlite:////somewhere/keys",
    }
    settings = Settings.read(tmp_path, named)
    assert settings.databases == Databases(URL, "sqlite:////somewhere/keys")
    assert "secret" not in f"{settings!r}{wiring.Places(tmp_path, settings.databases)!r}"
    assert Settings.read(tmp_path, {"CONSENTRY_PASSPHRASE_FILE": str(passphrase)}).databases == Databases()


@pytest.mark.parametrize("wrong", ["mysql://anna:secret@h/r", "secret.sqlite", "postgresql:secret", URL])
def test_a_url_of_another_kind_and_one_database_for_both_are_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match="CONSENTRY_") as caught:
        Databases.read({"CONSENTRY_RECORDS": wrong, "CONSENTRY_KEYS": URL})
    assert "secret" not in str(caught.value)


def test_the_server_of_the_tests_is_the_release_that_is_supported() -> None:
    from consent.adapters.sql import SqlStore, open_records

    store = SqlStore(open_records(server()))
    with store.reading() as unit:
        assert unit.connection.exec_driver_sql("SHOW server_version_num").scalar_one() >= "160000"
    store.engine.dispose()
