"""A turn with a backup: the copy opens by itself with a replica, or the old epoch goes on."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine

import migrations
from tests.services.power_cuts import PowerCutError
from tests.vault.homes import LAB, PASSPHRASE, Home
from vault import Deposit, EpochKeyLostError, EpochTurnError, KeyTree, PassphraseFile, backup, open_keys
from vault.epoch import PatientKey
from vault.sql.keys import WrappedKey, add_keys

ANNA, BEN = "a" * 32, "b" * 32


@pytest.fixture
def peopled(home: Home) -> Home:
    """A vault with two people's records."""
    home.deposit(*(Deposit(subject, LAB, subject.encode()) for subject in (ANNA, BEN)))
    return home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for backups."""
    path = tmp_path / "backups"
    path.mkdir()
    return path


def tree_of(home: Home, engine: Engine) -> KeyTree:
    return KeyTree.open(engine, PassphraseFile.open(home.root, PASSPHRASE), home.replicas, home.tenant)


def test_the_backup_of_a_turn_opens_with_the_replicas_and_holds_every_key(peopled: Home, folder: Path) -> None:
    tree = peopled.tree()
    keys = tree.unwrap([ANNA, BEN])
    tree.turn(backup=folder)
    [file] = folder.iterdir()
    assert file.name == "keys-epoch-2.sqlite"
    assert file.stat().st_mode & 0o777 == 0o600
    engine = open_keys(file)
    assert migrations.at_head(engine, "keys")
    restored = tree_of(peopled, engine)
    assert restored.epoch == 2
    assert restored.unwrap([ANNA, BEN]) == keys
    assert restored.turn().live_keys == 2, "it is a key tree like any other"


def test_a_backup_dies_with_its_epoch(peopled: Home, folder: Path) -> None:
    tree = peopled.tree()
    tree.turn(backup=folder)
    tree.shred([ANNA])
    tree.turn(backup=folder)
    old, new = open_keys(folder / "keys-epoch-2.sqlite"), open_keys(folder / "keys-epoch-3.sqlite")
    with pytest.raises(EpochKeyLostError):
        tree_of(peopled, old)
    assert tree_of(peopled, new).subjects() == [BEN]


def test_only_the_keys_that_are_kept_are_backed_up(peopled: Home, folder: Path) -> None:
    peopled.tree().turn(keep=[BEN], backup=folder)
    assert tree_of(peopled, open_keys(folder / "keys-epoch-2.sqlite")).subjects() == [BEN]


def test_without_the_folder_the_old_epoch_goes_on_and_the_turn_can_be_made_later(peopled: Home, folder: Path) -> None:
    tree, no_folder = peopled.tree(), folder / "a-file"
    no_folder.touch()
    with pytest.raises(EpochTurnError, match="backed up"):
        tree.turn(backup=no_folder)
    assert peopled.tree().epoch == 1
    assert peopled.tree().unwrap([ANNA]) == tree.unwrap([ANNA])
    assert [[file.name for file in replica.iterdir()] for replica in peopled.replicas] == [["epoch-1.key"]] * 2
    assert tree.turn(backup=folder).epoch == 2


def _drop(keys: list[WrappedKey]) -> list[WrappedKey]:
    return [key for key in keys if key.subject != ANNA]


def _swap(keys: list[WrappedKey]) -> list[WrappedKey]:
    return [key._replace(wrapped=keys[0].wrapped) for key in keys]


def _add(keys: list[WrappedKey]) -> list[WrappedKey]:
    return [*keys, WrappedKey("c" * 32, keys[0].wrapped, PatientKey.draw().check())]


@pytest.mark.parametrize("spoil", [_drop, _swap, _add], ids=["a key is missing", "a key is another's", "one too many"])
def test_a_backup_that_does_not_open_whole_leaves_the_old_epoch(
    peopled: Home, folder: Path, monkeypatch: pytest.MonkeyPatch, spoil: object
) -> None:
    assert callable(spoil)
    with monkeypatch.context() as patched:
        patched.setattr(backup, "add_keys", lambda copy, epoch, keys: add_keys(copy, epoch, spoil(keys)))
        with pytest.raises(EpochTurnError):
            peopled.tree().turn(backup=folder)
    assert peopled.tree().epoch == 1
    assert not (folder / "keys-epoch-2.sqlite").exists()
    assert peopled.tree().turn(backup=folder).epoch == 2


def test_what_an_abandoned_turn_left_is_written_over(peopled: Home, folder: Path) -> None:
    (folder / "keys-epoch-2.sqlite").write_bytes(b"of a turn that was cut short")
    (folder / "keys-epoch-2.sqlite.draft").write_bytes(b"half")
    peopled.tree().turn(backup=folder)
    assert [file.name for file in folder.iterdir()] == ["keys-epoch-2.sqlite"]
    assert tree_of(peopled, open_keys(folder / "keys-epoch-2.sqlite")).subjects() == [ANNA, BEN]


def test_a_backup_holds_the_live_epoch_and_no_other(peopled: Home, folder: Path) -> None:
    tree = peopled.tree()
    tree.turn()
    tree.turn(backup=folder)
    copy = sqlite3.connect(folder / "keys-epoch-3.sqlite")
    assert copy.execute("SELECT number, state FROM key_epochs").fetchall() == [(3, "live")]
    copy.close()


def cut(*_: object) -> None:
    raise PowerCutError


def test_a_restored_backup_of_a_turn_does_not_forget_the_key_that_was_still_to_die(
    peopled: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup was written before the old key was destroyed, and knows nothing of it: the folders do."""
    tree = peopled.tree()
    monkeypatch.setattr("vault.turn.settle", cut)  # committed, and the old key is not destroyed yet
    with pytest.raises(PowerCutError):
        tree.turn(backup=folder)
    monkeypatch.undo()
    away = peopled.replicas[1].rename(peopled.folder / "away")
    engine = open_keys(folder / "keys-epoch-2.sqlite")
    restored = tree_of(peopled, engine)
    assert restored.undestroyed == (1,), "the folder that is away may hold the key of the epoch before"
    away.rename(peopled.replicas[1])
    assert restored.undestroyed == (1,), "it does"
    assert tree_of(peopled, engine).undestroyed == ()
    assert [[file.name for file in replica.iterdir()] for replica in peopled.replicas] == [["epoch-2.key"]] * 2


def test_a_strangers_key_in_a_replica_folder_is_left_alone(peopled: Home, folder: Path) -> None:
    tree = peopled.tree()
    tree.turn(backup=folder)
    strangers = peopled.replicas[0] / "epoch-1.key"
    strangers.write_bytes(b"another installation's")
    assert peopled.tree().undestroyed == ()
    assert strangers.exists()
