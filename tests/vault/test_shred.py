"""Shredding: one person's records are gone from every copy, everyone else's stay, whatever happens on the way."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import delete, select

import vault as vault_package
from tests.databases import databases_of, remove_home
from tests.vault.homes import ACCESS, LAB, PASSPHRASE, Home, open_gate
from vault import (
    Deposit,
    EpochKeyLostError,
    EpochNotDestroyedError,
    EpochTurnError,
    KeyNotFoundError,
    KeyTree,
    PassphraseFile,
    ReplicaMissingError,
    Turned,
    VaultError,
)
from vault.sql.keys import EpochState, epochs
from vault.tables import key_epochs, vault_records, wrapped_keys
from vault.turn import settle

ANNA, BEN, CARA = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def peopled(home: Home) -> Home:
    """A vault with three people's records."""
    home.deposit(*(Deposit(subject, LAB, subject.encode()) for subject in (ANNA, BEN, CARA)))
    return home


def shred(home: Home, *subjects: str) -> Turned:
    """Shred, then turn the epoch."""
    vault = home.vault()
    with home.writing() as connection:
        vault.shred(connection, subjects)
    return vault.keys.turn()


def opens(home: Home, subject: str) -> bool:
    """Say whether a subject's record opens, with its right content."""
    try:
        [opening] = home.read(subject)
    except VaultError:
        return False
    return [record.content for record in opening.records] == [subject.encode()]


def key_files(home: Home) -> list[list[str]]:
    return [sorted(file.name for file in folder.iterdir()) for folder in home.replicas]


def test_the_shredded_are_gone_and_everyone_else_stays(peopled: Home) -> None:
    assert shred(peopled, ANNA) == Turned(previous=1, epoch=2, live_keys=2)
    with pytest.raises(KeyNotFoundError):
        peopled.read(ANNA)
    with peopled.writing() as connection:
        assert connection.execute(select(vault_records).where(vault_records.c.subject == ANNA)).all() == []
    assert opens(peopled, BEN)
    assert opens(peopled, CARA)


def test_a_vault_that_shredded_goes_on_working(peopled: Home) -> None:
    vault = peopled.vault()
    with peopled.writing() as connection:
        assert vault.shred(connection, [ANNA]) == 1
        vault.keys.turn()
        vault.enrol(["d" * 32])
        vault.deposit(connection, [Deposit("d" * 32, LAB, b"new"), Deposit(BEN, LAB, b"more")])
        [ben] = vault.read(connection, open_gate(BEN), ACCESS, [BEN])
    assert {record.content for record in ben.records} == {BEN.encode(), b"more"}


def test_copies_of_both_databases_open_with_their_own_keys_but_not_with_those_that_exist_after(
    peopled: Home, tmp_path: Path
) -> None:
    before = peopled.copy(tmp_path / "before")
    assert opens(before, ANNA)
    shred(peopled, ANNA)
    after = peopled.copy(tmp_path / "after")
    before.databases_into(after)
    assert not opens(after, ANNA)


def test_old_wrapped_keys_put_back_into_todays_database_open_nothing(peopled: Home, tmp_path: Path) -> None:
    before = peopled.copy(tmp_path / "before")
    with before.keys().connect() as connection:
        old = connection.execute(select(wrapped_keys(1)).where(wrapped_keys(1).c.subject == ANNA)).one()
    with before.records().connect() as connection:
        row = connection.execute(select(vault_records).where(vault_records.c.subject == ANNA)).one()
    shred(peopled, ANNA)
    with peopled.keys().begin() as connection:
        connection.execute(wrapped_keys(2).insert().values(**old._mapping))
    with peopled.writing() as connection:
        connection.execute(vault_records.insert().values(**row._mapping))
    assert not opens(peopled, ANNA)


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_no_byte_of_the_old_epochs_key_or_store_is_left(peopled: Home) -> None:
    with peopled.keys().connect() as connection:
        old = connection.execute(select(wrapped_keys(1).c.wrapped)).scalars().all()
    shred(peopled, ANNA)
    assert key_files(peopled) == [["epoch-2.key"], ["epoch-2.key"]]
    kept = (peopled.folder / "keys.sqlite").read_bytes()
    assert not any(wrapped in kept for wrapped in old)
    assert not list(peopled.folder.glob("keys.sqlite-*"))


def test_an_old_copy_that_is_opened_with_todays_replicas_costs_no_key_that_is_in_use(
    peopled: Home, tmp_path: Path
) -> None:
    before = peopled.copy(tmp_path / "before")
    shred(peopled, ANNA)
    with pytest.raises(EpochKeyLostError):
        KeyTree.open(before.keys(), PassphraseFile.open(peopled.root, PASSPHRASE), peopled.replicas, peopled.tenant)
    assert key_files(peopled) == [["epoch-2.key"], ["epoch-2.key"]]
    assert opens(peopled, BEN)


def test_a_copy_from_the_middle_of_a_turn_costs_no_key_that_is_in_use(peopled: Home, tmp_path: Path) -> None:
    with peopled.keys().begin() as connection:
        connection.execute(key_epochs.insert().values(number=2, state=EpochState.DRAFT, check=b""))
    halfway = peopled.copy(tmp_path / "halfway")
    with peopled.keys().begin() as connection:
        connection.execute(delete(key_epochs).where(key_epochs.c.number == 2))
    shred(peopled, ANNA)
    with pytest.raises(EpochKeyLostError):
        KeyTree.open(halfway.keys(), PassphraseFile.open(peopled.root, PASSPHRASE), peopled.replicas, peopled.tenant)
    assert opens(peopled, BEN)


def test_shredding_again_takes_rows_that_were_left_and_finds_no_key(peopled: Home) -> None:
    shred(peopled, ANNA)
    with peopled.writing() as connection:
        connection.execute(
            vault_records.insert().values(
                record_id="0" * 32, subject=ANNA, category=LAB, version=1, state="current", sealed=b""
            )
        )
        assert peopled.vault().shred(connection, [ANNA]) == 0
        assert ANNA not in connection.execute(select(vault_records.c.subject)).scalars().all()


def test_a_shredded_key_is_gone_at_once_and_the_epoch_stays_until_it_is_turned(peopled: Home, tmp_path: Path) -> None:
    before = peopled.copy(tmp_path / "before")  # it closes what is open
    vault = peopled.vault()
    with peopled.writing() as connection:
        assert vault.shred(connection, [ANNA, ANNA, "d" * 32]) == 1
    assert not opens(peopled, ANNA)
    assert vault.keys.epoch == 1
    assert vault.keys.subjects() == [BEN, CARA]
    with peopled.keys().connect() as connection:
        old = [epoch.number for epoch in epochs(connection)]
    assert old == [1]
    assert opens(before, ANNA), "a copy opens until the turn"
    assert vault.keys.turn() == Turned(previous=1, epoch=2, live_keys=2)
    after = peopled.copy(tmp_path / "after")
    before.databases_into(after)
    assert not opens(after, ANNA)


def test_a_turn_keeps_whom_it_is_told_to_keep(peopled: Home) -> None:
    tree = peopled.tree()
    assert tree.turn(keep=[BEN, "d" * 32]) == Turned(previous=1, epoch=2, live_keys=1)
    assert tree.subjects() == [BEN]
    assert [opens(peopled, subject) for subject in (ANNA, BEN, CARA)] == [False, True, False]
    assert tree.turn(keep=[]) == Turned(previous=2, epoch=3, live_keys=0)


def test_several_are_shredded_in_one_turn(peopled: Home) -> None:
    assert shred(peopled, ANNA, CARA, "d" * 32) == Turned(previous=1, epoch=2, live_keys=1)
    assert [opens(peopled, subject) for subject in (ANNA, BEN, CARA)] == [False, True, False]


def test_someone_enrolled_again_gets_another_key(peopled: Home) -> None:
    before = peopled.tree().unwrap([ANNA])
    shred(peopled, ANNA)
    peopled.vault().enrol([ANNA])
    assert peopled.tree().unwrap([ANNA]) != before


def test_nothing_begins_while_a_replica_could_not_be_destroyed_for_want_of_being_there(peopled: Home) -> None:
    (peopled.replicas[1] / "epoch-1.key").rename(peopled.folder / "elsewhere.key")
    with pytest.raises(ReplicaMissingError):
        peopled.tree().turn()
    assert opens(peopled, ANNA)
    (peopled.folder / "elsewhere.key").rename(peopled.replicas[1] / "epoch-1.key")
    shred(peopled, ANNA)
    assert not opens(peopled, ANNA)


def test_a_replica_that_cannot_be_destroyed_is_said_and_seen_to_next_time(peopled: Home) -> None:
    stubborn = peopled.replicas[1] / "epoch-1.key.copy"
    stubborn.mkdir()
    with pytest.raises(EpochNotDestroyedError, match=str(peopled.replicas[1])):
        shred(peopled, ANNA)
    assert not (peopled.replicas[0] / "epoch-1.key").exists()
    assert opens(peopled, BEN)
    assert not opens(peopled, ANNA)
    with pytest.raises(EpochNotDestroyedError):
        peopled.tree().turn()
    with pytest.raises(EpochNotDestroyedError):
        peopled.tree().settle()
    assert peopled.tree().epoch == 2
    stubborn.rmdir()
    peopled.tree().settle()
    assert peopled.tree().epoch == 2
    assert key_files(peopled) == [["epoch-2.key"], ["epoch-2.key"]]


def test_a_store_that_lost_a_key_stops_the_turn(peopled: Home) -> None:
    tree = peopled.tree()
    with peopled.keys().begin() as connection:
        connection.execute(wrapped_keys(1).update().where(wrapped_keys(1).c.subject == BEN).values(check=bytes(16)))
    with pytest.raises(EpochTurnError):
        tree.turn()
    assert opens(peopled, ANNA)
    assert key_files(peopled) == [["epoch-1.key"], ["epoch-1.key"]]


def test_a_second_program_follows_a_turn_of_the_first(peopled: Home) -> None:
    other = peopled.vault()
    shred(peopled, ANNA)
    other.enrol(["d" * 32])
    assert other.keys.unwrap([BEN]) == peopled.tree().unwrap([BEN])
    with pytest.raises(KeyNotFoundError):
        other.keys.unwrap([ANNA])
    assert other.keys.missing_replicas == ()


def test_turns_beside_enrolments_and_openings_lose_no_key(peopled: Home) -> None:
    newcomers = [f"{number:032x}" for number in range(25)]

    def enrol() -> None:
        for newcomer in newcomers:
            peopled.vault().enrol([newcomer])

    before = peopled.tree().unwrap([BEN])
    enrolling = threading.Thread(target=enrol)
    enrolling.start()
    turns = 0
    while enrolling.is_alive():
        turns += _turned(peopled, f"x{turns}")
    enrolling.join()
    tree = peopled.tree()
    assert turns > 0
    assert tree.unwrap([BEN]) == before
    assert len(tree.unwrap(newcomers)) == len(newcomers)
    assert {len(files) for files in key_files(peopled)} == {1}


def _turned(home: Home, victim: str) -> bool:
    tree = home.tree()
    tree.enrol([victim])
    tree.shred([victim])
    try:
        tree.turn()
    except EpochTurnError:  # an opening elsewhere undid the draft: the old epoch holds
        return False
    return True


def test_settling_twice_is_settling_once(peopled: Home) -> None:
    tree = peopled.tree()
    settle(peopled.keys(), tree._replicas)
    settle(peopled.keys(), tree._replicas)
    assert opens(peopled, ANNA)


def _die_at(step: int) -> Any:  # a trace function returns itself, a type that cannot be written
    """Return a trace function that kills this process at the n-th line that runs inside the vault."""
    root, lines = str(Path(vault_package.__file__).parent), 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:  # as above
        nonlocal lines
        if not frame.f_code.co_filename.startswith(root):
            return None
        lines += event == "line"
        if lines == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


def _killed_while_shredding(home: Home, step: int) -> bool:
    """Shred in a child that is killed at its n-th step; say whether it was, and not done before."""
    child = os.fork()
    if child == 0:
        vault, records = home.vault(), home.records()
        with records.begin() as connection:
            sys.settrace(_die_at(step))
            vault.shred(connection, [ANNA])
            vault.keys.turn()
            sys.settrace(None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _check_survivors(home: Home, epoch: int) -> None:
    [live] = epochs_of(home)
    assert live == (epoch, EpochState.LIVE)
    assert key_files(home) == [[f"epoch-{epoch}.key"]] * 2
    assert opens(home, BEN)
    assert opens(home, CARA)


def epochs_of(home: Home) -> list[tuple[int, EpochState]]:
    with home.keys().connect() as connection:
        return [(epoch.number, epoch.state) for epoch in epochs(connection)]


def _kill_and_come_back(template: Home, folder: Path, step: int) -> int | None:
    """Kill at a step, open again, and shred again; return the epoch that held in between, None when nothing died."""
    home = template.copy(folder)
    if not _killed_while_shredding(home, step):
        return None
    home.tree()
    epoch = epochs_of(home)[0][0]
    _check_survivors(home, epoch)
    shred(home, ANNA)
    assert not opens(home, ANNA)
    _check_survivors(home, epochs_of(home)[0][0])
    remove_home(folder)
    return epoch


def _held_epochs(home: Home, folder: Path, stride: int) -> list[int]:
    held = []
    step = 1
    while (epoch := _kill_and_come_back(home, folder / str(step), step)) is not None:
        held.append(epoch)
        step += stride
    return held


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_kill_at_any_step_leaves_an_epoch_that_holds_and_a_shred_that_can_be_repeated(
    peopled: Home, tmp_path: Path
) -> None:
    on_postgresql = bool(databases_of(peopled.folder).keys)  # where each round takes four times as long
    held = _held_epochs(peopled, tmp_path, stride=97 if on_postgresql else 23)
    assert sorted(set(held)) == [1, 2]
    assert held == sorted(held)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_kill_at_every_single_step_leaves_an_epoch_that_holds(peopled: Home, tmp_path: Path) -> None:
    held = _held_epochs(peopled, tmp_path, stride=1)
    assert len(held) > 100
    assert held == sorted(held)
