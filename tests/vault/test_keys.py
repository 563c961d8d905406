"""The key tree: what opens it, what does not, and what it says of its replicas."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import update

import migrations
from tests.vault.homes import CHEAP, LAB, PASSPHRASE, Home
from vault import (
    DecryptionError,
    Deposit,
    EpochKeyLostError,
    KeyDamagedError,
    KeyFileError,
    KeysUnavailableError,
    KeyTree,
    KeyTreeExistsError,
    KeyTreeMissingError,
    PassphraseFile,
    open_keys,
)
from vault.tables import wrapped_keys

ANNA, BEN = "a" * 32, "b" * 32


def test_a_key_tree_opens_again_and_misses_no_replica(home: Home) -> None:
    home.deposit(Deposit(ANNA, LAB, b"one"))
    assert home.tree().missing_replicas == ()
    assert home.read(ANNA)[0].records[0].content == b"one"


def test_every_replica_is_for_its_owner_only_and_all_are_the_same(home: Home) -> None:
    files = [folder / "epoch-1.key" for folder in home.replicas]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {folder.stat().st_mode & 0o777 for folder in home.replicas} == {0o700}
    assert len({file.read_bytes() for file in files}) == 1


@pytest.mark.parametrize("lost", [0, 1])
def test_one_intact_replica_is_enough_and_the_others_are_named(home: Home, lost: int) -> None:
    home.deposit(Deposit(ANNA, LAB, b"one"))
    (home.replicas[lost] / "epoch-1.key").unlink()
    assert home.tree().missing_replicas == (home.replicas[lost],)
    assert home.read(ANNA)[0].records


def test_a_damaged_replica_counts_as_missing(home: Home) -> None:
    (home.replicas[0] / "epoch-1.key").write_bytes(b"\x01" + bytes(103))
    assert home.tree().missing_replicas == (home.replicas[0],)


def test_without_any_replica_nothing_opens(home: Home) -> None:
    for folder in home.replicas:
        shutil.rmtree(folder)
    with pytest.raises(EpochKeyLostError):
        home.tree()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_two_different_folders_are_refused(home: Home, count: int) -> None:
    folders = [home.replicas[0]] * count
    with pytest.raises(KeyFileError):
        KeyTree.open(home.keys(), PassphraseFile.open(home.root, PASSPHRASE), folders, home.tenant)


def test_another_root_key_or_another_tenant_opens_nothing(home: Home, tmp_path: Path) -> None:
    stranger = PassphraseFile.create(tmp_path / "other.json", PASSPHRASE, CHEAP)
    with pytest.raises(EpochKeyLostError):
        KeyTree.open(home.keys(), stranger, home.replicas, home.tenant)
    with pytest.raises(EpochKeyLostError):
        KeyTree.open(home.keys(), PassphraseFile.open(home.root, PASSPHRASE), home.replicas, "elsewhere")


def test_a_second_key_tree_in_the_same_database_is_refused(home: Home) -> None:
    root = PassphraseFile.open(home.root, PASSPHRASE)
    with pytest.raises(KeyTreeExistsError):
        KeyTree.create(home.keys(), root, [home.folder / "c", home.folder / "d"], home.tenant)


def test_a_new_key_tree_never_writes_over_anothers_replicas(home: Home) -> None:
    before = (home.replicas[0] / "epoch-1.key").read_bytes()
    other = open_keys(home.folder / "other.sqlite")
    migrations.upgrade(other, "keys")
    with pytest.raises(KeyFileError):
        KeyTree.create(other, PassphraseFile.open(home.root, PASSPHRASE), home.replicas, "other")
    assert (home.replicas[0] / "epoch-1.key").read_bytes() == before


def test_a_database_without_a_key_tree_says_so(home: Home) -> None:
    root = PassphraseFile.open(home.root, PASSPHRASE)
    empty = open_keys(home.folder / "empty.sqlite")
    with pytest.raises(KeysUnavailableError):
        KeyTree.open(empty, root, home.replicas, home.tenant)
    migrations.upgrade(empty, "keys")
    with pytest.raises(KeyTreeMissingError):
        KeyTree.open(empty, root, home.replicas, home.tenant)


def test_a_wrapped_key_of_another_patient_does_not_open(home: Home) -> None:
    home.vault().enrol([ANNA, BEN])
    store = wrapped_keys(1)
    with home.keys().begin() as connection:
        connection.execute(store.delete().where(store.c.subject == BEN))
        connection.execute(update(store).where(store.c.subject == ANNA).values(subject=BEN))
    with pytest.raises(KeyDamagedError):
        home.tree().unwrap([BEN])


@pytest.mark.parametrize("wrapped", [b"", bytes(11), bytes(12), bytes(60)])
def test_a_damaged_wrapped_key_is_told_from_a_missing_one(home: Home, wrapped: bytes) -> None:
    home.vault().enrol([ANNA])
    with home.keys().begin() as connection:
        connection.execute(update(wrapped_keys(1)).values(wrapped=wrapped))
    with pytest.raises(KeyDamagedError):
        home.tree().unwrap([ANNA])


def test_installation_keys_differ_by_label_and_tenant_and_outlive_epochs(home: Home, tmp_path: Path) -> None:
    tree = home.tree()
    tree.enrol([ANNA])
    identifiers = tree.installation_key("identifiers")
    tree.shred([ANNA])
    assert home.tree().installation_key("identifiers") == identifiers
    assert tree.installation_key("other") != identifiers
    assert Home.create(tmp_path / "other").tree().installation_key("identifiers") != identifiers


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_the_keys_database_keeps_no_deleted_bytes_and_no_write_ahead_log(home: Home) -> None:
    with home.keys().connect() as connection:
        answers = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "secure_delete", "synchronous")
        ]
    assert answers == ["delete", 1, 3]


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_database_that_another_program_holds_is_named_as_unavailable(home: Home) -> None:
    tree = home.tree()
    with home.keys().connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=10")
    holder = sqlite3.connect(home.folder / "keys.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with tree._engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA busy_timeout=10")
        with pytest.raises(KeysUnavailableError) as caught:
            tree.enrol([ANNA])
    finally:
        holder.close()
    assert ANNA not in str(caught.value) + str(caught.value.__cause__)


def test_nothing_secret_is_in_what_objects_print(home: Home) -> None:
    tree = home.tree()
    assert tree._epoch.secret.hex() not in repr(tree) + repr(tree._epoch) + repr(tree._replicas)


def test_a_wrapped_epoch_key_bound_elsewhere_does_not_open(home: Home) -> None:
    root = PassphraseFile.open(home.root, PASSPHRASE)
    with pytest.raises(DecryptionError):
        root.unwrap(b"", (home.replicas[0] / "epoch-1.key").read_bytes())


def test_who_has_no_key_is_told_from_who_has_one(home: Home) -> None:
    tree, nobody = home.tree(), "c" * 32
    tree.enrol([ANNA, BEN])
    tree.shred([BEN])
    assert tree.keyless([ANNA, BEN, nobody]) == {BEN, nobody}
    assert tree.keyless([]) == set()
