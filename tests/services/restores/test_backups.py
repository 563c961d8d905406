"""Backups and restores: each row of the runbook's table, and what a backup must not hold."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from consent import wiring
from consent.adapters.sql.copies import BackupError
from consent.domain.history import Granted, Revoked
from consent.wiring import InstallationError
from consent.wiring.backups import Backup, back_up_installation, restore_installation
from tests.databases import Kind, give_databases
from tests.services.house import House, Template, identifier_of, received, settings_of
from tests.services.restoring import Past, backed_up, restored
from vault import EpochKeyLostError, EpochSupersededError, KeyNotFoundError, Outcome, VaultError

NEWCOMER = 900


def verdicts(house: House) -> list[str]:
    return [house.verdict(subject) for subject in house.people]


def events(house: House) -> tuple[int, int]:
    """Return how many grants and ends the chain has, none of them twice."""
    found = list(house.open.ledger.events(0, house.open.ledger.head().number))
    assert len({(type(one), one.commitment) for one in found}) == len(found)
    return sum(isinstance(one, Granted) for one in found), sum(isinstance(one, Revoked) for one in found)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(backup: Backup) -> list[Path]:
    return [path for path in (backup.records, backup.keys, backup.chain) if path]


ORDERED = {
    *("alembic_version", "anchor_requests", "anchors", "checkpoints", "entries", "kept_blocks", "model_acts"),
    *("projection_head", "releases", "studies"),
}
"""Tables of a backup whose rows have an order, the log's, the chain's, studies': none joins people to addresses."""
YES, NO = ["PERMIT"] * 4, ["NO_GRANT"] * 4


# --- what a backup is


@pytest.mark.sqlite_only
def test_a_backup_is_for_its_owners_eyes(before: Backup) -> None:
    assert [mode(path) for path in files(before)] == [0o600] * 3
    assert [mode(path.parent) for path in files(before)] == [0o700] * 3
    assert len({path.parent for path in files(before)}) == 3, "records and keys can go to different hands"
    assert [list(path.parent.iterdir()) for path in files(before)] == [[path] for path in files(before)]


def test_a_backup_of_records_holds_no_key_and_no_order(home: Path, template: Template, before: Backup) -> None:
    with closing(sqlite3.connect(before.records)) as connection:
        tables = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        assert not [name for name in tables if "key" in name or "epoch" in name]
        assert {name for name, sql in tables.items() if "WITHOUT ROWID" not in sql} == ORDERED
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    with closing(sqlite3.connect(before.keys)) as connection:
        wrapped = [key for (key,) in connection.execute("SELECT wrapped FROM wrapped_keys_1")]
    content = before.records.read_bytes()
    assert len(wrapped) == len(template.wallets)
    assert not [key for key in wrapped if key in content]


def test_what_was_deleted_is_in_no_backup_made_afterwards(home: Path, template: Template, tmp_path: Path) -> None:
    with House.opened(home, template.wallets) as house:
        subject = house.people[0]
        with house.open.store.reading() as unit:
            sealed = [consent.sealed for consent in unit.consents.of_subject(subject)]
        house.erase(subject)
        made = backed_up(house, tmp_path / "after")
    content = made.records.read_bytes()
    assert sealed
    assert not [one for one in sealed if one in content]


@pytest.mark.sqlite_only
def test_a_second_backup_of_one_moment_is_refused_and_the_first_stays(
    home: Path, template: Template, tmp_path: Path
) -> None:
    with House.opened(home, template.wallets) as house:
        now = house.clock()
        first = back_up_installation(house.open, tmp_path / "twice", now)
        content = first.records.read_bytes()
        with pytest.raises(BackupError, match="already"):
            back_up_installation(house.open, tmp_path / "twice", now)
        back_up_installation(house.open, tmp_path / "twice", now + timedelta(seconds=1))
        assert first.records.read_bytes() == content


def test_a_backup_made_while_others_write_is_whole(home: Path, template: Template, tmp_path: Path) -> None:
    ended, people = Event(), range(NEWCOMER, NEWCOMER + 400)
    with House.opened(home, template.wallets) as house:

        def write() -> None:
            for person in people:
                if ended.is_set():
                    return
                house.open.records.deposit(received(person), house.clock())

        writer = Thread(target=write)
        writer.start()
        try:
            made = [backed_up(house, tmp_path / f"beside-{number}") for number in range(3)]
        finally:
            ended.set()
            writer.join()
        there = len(house.open.records.subjects_of([identifier_of(person) for person in people]))
    assert there, "somebody wrote"
    last = made[-1]
    restored(home, last.records, last.keys)
    with House.opened(home, template.wallets) as house:
        with house.open.store.reading() as unit:
            known = {patient.subject for patient in unit.patients.everyone()}
            assert house.open.vault.among(unit.connection, known) == known, "nobody without their records"
        assert known <= set(house.open.keys.subjects()), "the keys are those of the records, or more"
        assert verdicts(house) == YES + NO
        house.anchor()


# --- each row of the table: what was lost, what is restored


@pytest.mark.parametrize("lost", ["damaged", "older", "with another's journal"])
def test_records_alone(home: Path, template: Template, before: Backup, lost: str) -> None:
    with House.opened(home, template.wallets) as house:
        house.stop(house.people[0])
        house.grant(house.people[4])
        house.anchor()
    records = home / "records.sqlite"
    if records.exists() and lost == "damaged":
        records.write_bytes(b"SQLite format 3\0" + os.urandom(9000))
    elif records.exists() and lost != "older":
        (home / "records.sqlite-wal").write_bytes(os.urandom(9000))
    restored(home, before.records)
    with House.opened(home, template.wallets) as house:
        assert verdicts(house) == ["STOPPED", *YES[1:], *NO], "the newest grant went with the records"
        assert events(house) == (5, 1)
        house.grant(house.people[4])
        house.anchor()
        assert house.verdict(house.people[4]) == "PERMIT"
        assert events(house) == (6, 1)


def test_records_alone_after_the_epoch_turned(home: Path, template: Template, tmp_path: Path) -> None:
    with House.opened(home, template.wallets) as house:
        house.grant(house.people[4])
        house.stop(house.people[0])
        made = backed_up(house, tmp_path / "waiting")
        house.turn_epoch()
    restored(home, made.records)
    with House.opened(home, template.wallets) as house:
        assert house.open.keys.epoch == 2
        house.anchor()
        assert verdicts(house) == ["STOPPED", *YES[1:], "PERMIT", *NO[1:]]
        assert events(house) == (5, 1)


def test_records_that_read_another_past_of_the_chain_are_refused_until_somebody_looked(
    home: Path, template: Template, tmp_path: Path
) -> None:
    """A grant was published, the chain was set back to before that, and then the newer records were restored."""
    with House.opened(home, template.wallets) as house:
        newcomer = house.people[4]
        house.grant(newcomer)
        waiting = backed_up(house, tmp_path / "waiting")
        house.publish()
        published = backed_up(house, tmp_path / "published")
    restored(home, waiting.records, chain=waiting.chain)
    restored(home, published.records)
    with House.opened(home, template.wallets) as house:
        assert not house.open.replayed
        assert house.verdict(newcomer) == "LEDGER_MISMATCH"
        house.publish()
        assert events(house) == (4, 0), "nothing is sent to a chain that is not the one"
        house.open.rebuild(house.clock())
        assert house.verdict(newcomer) == "NOT_FINAL"
        house.publish()
        assert house.verdict(newcomer) == "PERMIT", "what went with the lost block goes out again"
        assert events(house) == (5, 0)


@pytest.mark.parametrize("damaged", [True, False])
def test_keys_alone(home: Path, template: Template, before: Backup, *, damaged: bool) -> None:
    with House.opened(home, template.wallets) as house:
        house.open.records.deposit(received(NEWCOMER), house.clock())
    keys = home / "keys.sqlite"
    if keys.exists() and damaged:
        keys.write_bytes(os.urandom(9000))
    restored(home, None, before.keys)
    with House.opened(home, template.wallets) as house:
        assert verdicts(house) == YES + NO
        newcomer = house.open.records.subject_of(identifier_of(NEWCOMER))
        assert newcomer is not None
        assert newcomer not in house.open.keys.subjects(), "whose key came later has lost it, and says so"
        with pytest.raises(KeyNotFoundError):
            house.open.vault.seal(newcomer, "note", b"")
        imported = house.open.records.deposit(received(NEWCOMER, NEWCOMER + 1), house.clock())
        assert (imported.keyless, imported.outcomes[Outcome.STORED]) == (3, 3), "the rest of a file is taken"


def test_keys_of_a_dead_epoch_are_refused_and_nothing_is_touched(
    home: Path, template: Template, before: Backup
) -> None:
    with House.opened(home, template.wallets) as house:
        house.grant(house.people[4])
        house.turn_epoch()
    with pytest.raises(EpochKeyLostError):
        restored(home, before.records, before.keys, before.chain)
    with House.opened(home, template.wallets) as house:
        assert not house.open.replayed
        house.anchor()
        assert verdicts(house) == [*YES, "PERMIT", *NO[1:]]
        assert house.open.keys.epoch == 2


def test_the_keys_of_a_turn_are_what_is_restored_after_it(home: Path, template: Template, tmp_path: Path) -> None:
    with House.opened(home, template.wallets) as house:
        house.turn_epoch()
        made = backed_up(house, tmp_path / "after")
    restored(home, made.records, made.keys)
    with House.opened(home, template.wallets) as house:
        assert verdicts(house) == YES + NO
        assert (house.open.keys.epoch, made.keys.name) == (2, "keys-epoch-2.sqlite")
        house.turn_epoch()
        assert verdicts(house) == YES + NO


def test_the_embedded_chain_with_its_records(home: Path, template: Template, before: Backup) -> None:
    with House.opened(home, template.wallets) as house:
        house.stop(house.people[0])
        house.grant(house.people[4])
        house.anchor()
        assert events(house) == (5, 1)
    restored(home, before.records, None, before.chain)
    with House.opened(home, template.wallets) as house:
        assert events(house) == (4, 0), "the chain is that of then"
        assert verdicts(house) == ["STOPPED", *YES[1:], *NO]
        house.anchor()
        assert events(house) == (4, 1), "and is told again what was stopped since"


def test_an_older_chain_without_its_records_is_decided_on_by_nobody(
    home: Path, template: Template, before: Backup
) -> None:
    with House.opened(home, template.wallets) as house:
        house.grant(house.people[4])
        house.anchor()
    restored(home, None, None, before.chain)
    with House.opened(home, template.wallets) as house:
        assert verdicts(house) == ["LEDGER_MISMATCH"] * 8


def test_everything_after_a_lost_machine(home: Path, template: Template, tmp_path: Path) -> None:
    with House.opened(home, template.wallets) as house:
        house.erase(house.people[0])
        made = backed_up(house, tmp_path / "last")
    for name in ("records.sqlite", "keys.sqlite", "chain.sqlite"):
        (home / name).unlink(missing_ok=True)
    restored(home, made.records, made.keys, made.chain)
    with House.opened(home, template.wallets) as house:
        assert verdicts(house) == ["BLOCKED", *YES[1:], *NO]
        house.grant(house.people[4])
        house.anchor()
        assert house.verdict(house.people[4]) == "PERMIT"


# --- what a restore refuses


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(4200, len(content), 4096):
        content[place] ^= 0xFF
        content[place - 100] ^= 0xFF
    path.write_bytes(content)


def gone(path: Path) -> None:
    path.unlink()


def other(path: Path) -> None:
    path.write_bytes(b"no database at all" * 99)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.sqlite_only
@pytest.mark.parametrize("part", ["records", "keys", "chain"])
@pytest.mark.parametrize("damage", [cut, gone, other, empty, flipped])
def test_a_damaged_backup_is_refused_and_nothing_is_touched(
    home: Path, template: Template, tmp_path: Path, part: str, damage: Callable[[Path], None]
) -> None:
    with House.opened(home, template.wallets) as house:
        made = backed_up(house, tmp_path / "made")
        house.stop(house.people[0])
    path = getattr(made, part)
    damage(path)
    arguments = {"records": None, "keys": None, "chain": None, part: path}
    with pytest.raises((BackupError, VaultError)):
        restore_installation(settings_of(home), **arguments)
    with House.opened(home, template.wallets) as house:
        assert not house.open.replayed
        assert verdicts(house) == ["STOPPED", *YES[1:], *NO]


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("part", "given"),
    [("records", "keys"), ("keys", "records"), ("records", "chain"), ("chain", "records"), ("keys", "chain")],
)
def test_a_file_in_anothers_place_is_refused(
    home: Path, template: Template, before: Backup, part: str, given: str
) -> None:
    arguments = {"records": None, "keys": None, "chain": None, part: getattr(before, given)}
    said = "chain's backup cannot be read" if part == "chain" else f"this is no backup of {part}, "
    with pytest.raises(BackupError, match=said):
        restore_installation(settings_of(home), **arguments)
    with House.opened(home, template.wallets) as house:
        assert verdicts(house) == YES + NO


def test_nobody_restores_what_is_open(home: Path, template: Template, before: Backup) -> None:
    with House.opened(home, template.wallets) as house:
        with pytest.raises(InstallationError, match="stop them all"):
            restored(home, before.records)
        assert verdicts(house) == YES + NO
    with House.without_ledger(home, template.wallets), pytest.raises(InstallationError, match="stop them all"):
        restored(home, before.records)


@pytest.fixture(scope="module")
def others(database_kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Past:
    """Another installation and its backup."""
    return Past.built(tmp_path_factory.mktemp("others"), database_kind)


def content(home: Path) -> dict[str, bytes]:
    """Return every file of a closed installation by its place; PostgreSQL's rows are not there."""
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_another_installations_backup_is_refused_and_nothing_is_touched(
    home: Path, template: Template, others: Past
) -> None:
    then = content(home)
    with pytest.raises(VaultError):
        restored(home, None, others.backup.keys)
    with pytest.raises(BackupError, match="another installation's chain"):
        restored(home, None, None, others.backup.chain)
    with pytest.raises(BackupError, match="another installation's records"):
        restored(home, others.backup.records)
    assert content(home) == then
    with House.opened(home, template.wallets) as house:
        assert not house.open.replayed
        assert verdicts(house) == YES + NO


@pytest.mark.parametrize("archive", ["there", "empty", "gone"])
@pytest.mark.sqlite_only
def test_another_installations_records_are_refused_whatever_is_left_of_the_log_archive(
    home: Path, template: Template, others: Past, archive: str
) -> None:
    kept = home / "operator" / "log-archive"
    if archive == "empty":
        kept.write_bytes(b"")
    elif archive == "gone":
        kept.unlink()
    for file in (others.backup.records, others.template.home / "records.sqlite"):
        then = content(home)
        with pytest.raises(BackupError, match="another installation's records"):
            restored(home, file)
        assert content(home) == then
    with House.opened(home, template.wallets) as house:
        assert verdicts(house) == YES + NO


@pytest.mark.sqlite_only
@pytest.mark.parametrize("statement", ['DELETE FROM entries WHERE "index" > 2', "UPDATE entries SET body = x'7b7d'"])
def test_own_records_whose_log_was_altered_are_refused(
    home: Path, before: Backup, tmp_path: Path, statement: str
) -> None:
    altered = Path(shutil.copy(before.records, tmp_path / "altered"))
    with closing(sqlite3.connect(altered)) as connection, connection:
        connection.execute(statement)
    then = content(home)
    with pytest.raises(BackupError, match="their log was altered"):
        restored(home, altered)
    assert content(home) == then


@pytest.mark.parametrize("archive", ["there", "older", "empty", "gone"])
def test_own_records_go_back_whatever_is_left_of_the_log_archive(
    home: Path, template: Template, before: Backup, tmp_path: Path, archive: str
) -> None:
    kept = home / "operator" / "log-archive"
    older = kept.read_bytes()
    with House.opened(home, template.wallets) as house:
        house.grant(house.people[4])
        house.anchor()
        made = backed_up(house, tmp_path / "made")
    if archive == "gone":
        kept.unlink()
    elif archive != "there":
        kept.write_bytes(older if archive == "older" else b"")
    for file in (before.records, made.records):
        restored(home, file)
    with House.opened(home, template.wallets) as house:
        assert verdicts(house) == [*YES, "PERMIT", *NO[1:]]


def test_a_backup_of_a_log_that_tells_of_nothing_but_itself_goes_back(database_kind: Kind, tmp_path: Path) -> None:
    """A new installation has signed nothing yet."""
    template = Template(tmp_path / "new", {})
    template.home.mkdir()
    give_databases(template.home, database_kind, empty=True)
    wiring.create(settings_of(template.home))
    with House.without_ledger(template.home, {}) as house:
        made = backed_up(house, tmp_path / "made")
    restored(template.home, made.records)
    with House.opened(template.home, {}) as house:
        assert [line["verdict"] for line in house.log()] == ["BACKED_UP"]


def test_keys_of_an_epoch_that_another_followed_are_refused_though_a_copy_of_its_key_is_left(
    past: Past, tmp_path: Path
) -> None:
    home = past.copied(tmp_path / "home")
    with House.opened(home, dict(past.template.wallets)) as house:
        kept = [(path, path.read_bytes()) for path in house.settings.replicas[0].iterdir()]
        house.turn_epoch()
    for path, content in kept:  # a disk that was away comes back
        path.write_bytes(content)
    with pytest.raises(EpochSupersededError):
        restored(home, keys=past.backup.keys)
    with House.opened(home, dict(past.template.wallets)) as house:
        assert {house.verdict(subject) for subject in house.people[:4]} == {"PERMIT"}
        assert house.open.keys.undestroyed == ()
