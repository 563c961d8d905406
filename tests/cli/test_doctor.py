"""`consentry doctor`: each complaint arises from a real cause, and goes when that is cured."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from consent.cli.errors import BROKEN, NOT_FOUND, USAGE
from consent.demo.wallets import Wallet
from consent.settings import Databases, Settings
from consent.wiring.backups import restore_installation
from consent.wiring.diagnosis import complaints
from tests.cli.desk import Desk
from tests.cli.test_commands import consentry, refused
from tests.databases import Kind
from tests.services.house import DICTIONARY_TEXT, Clock, House, Template, identifier_of, receive, settings_of
from tests.services.restoring import backed_up

DISKS = {
    "all replicas of the epoch key lie on one disk",
    "a database and an epoch key lie on one disk: a snapshot of it holds both",
}
"""What is true of every test's folder."""
PARTS = [*(f"operator/{name}" for name in ("root-key.json", "log-key", "chain-keys.json", "stops"))]
PARTS += ["records.sqlite", "keys.sqlite"]


@pytest.fixture(scope="module")
def sound(database_kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Four people, the chain read, a backup made, closed: nothing is wrong but the disks."""
    template = Template.built(tmp_path_factory.mktemp("sound") / "home", range(4), database_kind)
    with House.opened(template.home, template.wallets) as house:
        house.anchor()
        backed_up(house, template.home / "backups")
    return template


@pytest.fixture
def home(sound: Template, tmp_path: Path) -> Path:
    """A copy, the test's own."""
    return Path(shutil.copytree(sound.home, tmp_path / "home"))


def said(home: Path, ahead: int = 0, **changed: object) -> set[str]:
    """Return what is complained of besides the disks, so many seconds from now."""
    changed = {"max_staleness": 10**6, "anchor_seconds": 10**6} | changed
    settings = replace(settings_of(home), **changed)  # type: ignore[arg-type]  # fields of it
    return {complaint.what for complaint in complaints(settings, Clock(timedelta(seconds=ahead)))} - DISKS


def back_up(home: Path, sound: Template, name: str) -> Path:
    with House.opened(home, sound.wallets) as house:
        return backed_up(house, home / name).keys.parents[1]


def restore(home: Path, folder: Path, *parts: str) -> None:
    files = {part: next((folder / part).iterdir()) for part in parts}
    restore_installation(settings_of(home), files.get("records"), files.get("keys"), None)


def test_nothing_is_wrong_with_a_sound_one(home: Path) -> None:
    assert said(home) == set()


def test_a_missing_part_is_named_by_its_place(home: Path, tmp_path: Path) -> None:
    for part in PARTS:
        (home / part).rename(tmp_path / "away")
        assert said(home) == {f"{part} is missing"}
        assert not (home / part).exists()
        (tmp_path / "away").rename(home / part)
    assert said(home) == set()


def test_a_chain_that_was_not_read_for_long(home: Path, sound: Template) -> None:
    assert "ledger: stale" in said(home, ahead=10**6 + 300)
    with closing(sqlite3.connect(home / "records.sqlite")) as connection, connection:
        connection.execute("DELETE FROM projection_head")
    assert said(home) == {"ledger: unread"}
    with House.opened(home, sound.wallets):
        assert said(home) == set()


def test_what_waits_for_the_chain_too_long(home: Path, sound: Template) -> None:
    with House.without_ledger(home, sound.wallets) as house:
        house.grant(house.people[0])
    assert said(home) == set()
    assert said(home, ahead=7200) == {"outbox: overdue"}
    with House.opened(home, sound.wallets) as house:
        house.publish()
    assert said(home, ahead=7200) == set()


def test_a_job_that_nobody_does(home: Path, sound: Template, tmp_path: Path) -> None:
    (tmp_path / "dictionary.toml").write_text(DICTIONARY_TEXT)
    desk = Desk.at(home, sound)
    job = desk.done("local train", "kidneys", tmp_path / "dictionary.toml").stdout.split()[0]
    assert said(home, ahead=7200) == {"jobs: waiting"}
    desk.done("cancel", job)
    assert said(home, ahead=7200) == set()


def test_a_schema_that_is_not_this_versions(home: Path) -> None:
    for name in ("records", "keys"):
        with closing(sqlite3.connect(home / f"{name}.sqlite")) as connection, connection:
            [(newest,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            connection.execute("UPDATE alembic_version SET version_num = 'other'")
        assert said(home) == {f"{name}-schema: other"}
        with closing(sqlite3.connect(home / f"{name}.sqlite")) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (newest,))
    assert said(home) == set()


def test_a_wrong_passphrase_is_why_it_does_not_open(home: Path) -> None:
    [complaint] = said(home, passphrase=b"guess")
    assert complaint.startswith("it does not open: the passphrase")


def test_a_replica_that_is_away(home: Path) -> None:
    (home / "operator" / "epoch-b").rename(home / "away")
    assert said(home) == {f"the epoch key's copy in {home / 'operator' / 'epoch-b'} is missing"}
    (home / "operator" / "epoch-b").mkdir()
    for key in (home / "operator" / "epoch-a").iterdir():
        shutil.copy(key, home / "operator" / "epoch-b")
    assert said(home) == set()


def test_people_without_a_key_and_keys_without_a_person(home: Path, sound: Template) -> None:
    before = back_up(home, sound, "before")
    with House.opened(home, sound.wallets) as house:
        [newcomer] = receive(house.open, 900)
    after = back_up(home, sound, "after")
    restore(home, before, "keys")
    assert said(home) == {f"people without a key, of whom nothing opens: {newcomer}"}
    restore(home, after, "keys")
    assert said(home) == set()
    restore(home, before, "records")
    assert said(home) == {"keys of nobody here, but of people who came after the backup that was restored: 1"}
    with House.opened(home, sound.wallets) as house:
        house.open.epochs.turn_for_patients_only()
        backed_up(house, home / "backups")
    assert said(home) == set()


def test_at_most_ten_people_without_a_key_are_named_and_the_way_out_is_said(home: Path, sound: Template) -> None:
    before = back_up(home, sound, "before")
    with House.opened(home, sound.wallets) as house:
        newcomers = sorted(receive(house.open, *range(900, 912)))
    restore(home, before, "keys")
    [complaint] = [one for one in complaints(settings_of(home)) if "without a key" in one.what]
    assert complaint.what.endswith(f": {', '.join(newcomers[:10])} and 2 more")
    for word in ("keys backup of epoch 1 before the next turn", "restore --keys", "erasure", "`consentry enrol`"):
        assert word in complaint.do


def test_whoever_lost_their_key_is_erased_and_enrolled_anew(home: Path, sound: Template) -> None:
    before = back_up(home, sound, "before")
    with House.opened(home, sound.wallets) as house:
        [newcomer] = receive(house.open, 900)
        wallet = Wallet(newcomer)
        house.open.records.enrol_keys({newcomer: wallet.enrolment_key.address}, house.clock())
    restore(home, before, "keys")
    with House.opened(home, {**sound.wallets, newcomer: wallet}) as house:
        house.open.erasures.request(house.ask(newcomer))
    assert said(home) == set(), "whose erasure goes its way has no key to be looked for"
    with House.opened(home, sound.wallets) as house:
        house.anchor()
        house.open.keep_house()
        house.open.records.enrol_again([identifier_of(900)], house.clock())
        assert receive(house.open, 900) != [newcomer]
        backed_up(house, home / "backups")
    assert said(home) == set()


def test_no_backup_and_none_of_the_live_epochs_keys(home: Path, sound: Template) -> None:
    with House.opened(home, sound.wallets) as house:
        house.turn_epoch()
    assert said(home) == {f"there is no backup of the live epoch's keys in {home / 'backups'}"}
    shutil.rmtree(home / "backups")
    assert said(home) == {f"there is no backup in {home / 'backups'}"}
    back_up(home, sound, "backups")
    assert said(home) == set()


def test_a_backup_that_lies_elsewhere_is_found_where_the_setting_says(
    home: Path, sound: Template, tmp_path: Path
) -> None:
    shutil.rmtree(home / "backups")
    desk = Desk.at(home, sound)
    desk.done("backup", tmp_path / "elsewhere")
    told = desk.run("doctor").stdout
    assert f"there is no backup in {home / 'backups'}" in told
    assert "set CONSENTRY_BACKUPS to where backups go" in told
    assert "no backup" not in desk.run("doctor", CONSENTRY_BACKUPS=str(tmp_path / "elsewhere")).stdout


def test_an_archive_of_the_log_that_lost_everything(home: Path, sound: Template) -> None:
    (home / "operator" / "log-archive").unlink()
    assert said(home) == {"the log archive is empty"}
    with House.opened(home, sound.wallets) as house:
        house.grant(house.people[0])
    assert said(home) == set()


def test_consents_that_do_not_open(home: Path, sound: Template) -> None:
    with House.opened(home, sound.wallets) as house:
        house.grant(house.people[0])
    saved = back_up(home, sound, "saved")
    with closing(sqlite3.connect(home / "records.sqlite")) as connection, connection:
        connection.execute("UPDATE consents SET sealed = x'00'")
    assert "stored consents that do not open, and permit nothing: 1" in said(home)
    restore(home, saved, "records")
    assert said(home) == set()


def test_an_erasure_whose_request_a_restore_lost(home: Path, sound: Template) -> None:
    archive = (home / "operator" / "log-archive").read_bytes()
    with House.opened(home, sound.wallets) as house:
        house.open.erasures.request(house.ask(house.people[0]))
    (home / "operator" / "log-archive").write_bytes(archive)
    restore(home, home / "backups", "records")
    assert said(home) == {"somebody's erasure lost its request in a restore"}
    with House.opened(home, sound.wallets) as house:
        house.open.erasures.request(house.ask(house.people[0]))
    assert said(home) == set()


def test_a_turn_of_the_epoch_that_is_overdue(home: Path, sound: Template) -> None:
    with House.opened(home, sound.wallets) as house:
        house.open.erasures.request(house.ask(house.people[0]))
        house.anchor()
        house.open.erasures.step(house.open.anchored)
    assert said(home) == set()
    assert said(home, ahead=7200) == {"an erasure waits for a turn of the epoch that is overdue"}
    with House.opened(home, sound.wallets) as house:
        house.turn_epoch()
        house.open.keep_house()
        backed_up(house, home / "backups")
    assert said(home, ahead=7200) == set()


def test_a_folder_that_others_can_read(home: Path) -> None:
    (home / "operator").chmod(0o750)
    assert said(home) == {"others can read the operator's folder"}
    (home / "operator").chmod(0o700)
    assert said(home) == set()


def test_copies_that_lie_on_one_disk(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder in memory is another disk."""
    other = Path("/dev/shm") / tmp_path_factory.mktemp("x").parent.name  # noqa: S108  # only to have a second disk
    if not other.parent.is_dir() or other.parent.stat().st_dev == home.stat().st_dev:
        pytest.skip("this machine has one disk")
    here = settings_of(home)
    assert disks(here) == DISKS
    other.mkdir()
    try:
        for name in ("records.sqlite", "keys.sqlite"):
            shutil.copy(home / name, other)
        elsewhere = Databases(f"sqlite:///{other}/records.sqlite", f"sqlite:///{other}/keys.sqlite")
        assert disks(replace(here, databases=elsewhere)) == {"all replicas of the epoch key lie on one disk"}
        shutil.copytree(home / "operator" / "epoch-b", other / "epoch-b")
        apart = replace(here, replicas=(here.replicas[0], other / "epoch-b"))
        assert disks(apart) == DISKS - {"all replicas of the epoch key lie on one disk"}
    finally:
        shutil.rmtree(other)


def disks(settings: Settings) -> set[str]:
    return {complaint.what for complaint in complaints(settings)} & DISKS


def test_the_command_says_what_to_do_and_ends_with_7(home: Path, sound: Template, tmp_path: Path) -> None:
    ran = Desk.at(home, sound).run("doctor")
    assert (ran.returncode, ran.stderr) == (BROKEN, "")
    assert "put CONSENTRY_REPLICAS where no snapshot reaches" in ran.stdout
    passphrase = str(home / "operator" / "passphrase")
    refused(consentry("doctor", tmp_path, CONSENTRY_PASSPHRASE_FILE=passphrase), NOT_FOUND, "no installation")
    refused(consentry("doctor", tmp_path), USAGE, "passphrase")


def test_a_log_that_nobody_anchored_in_time(home: Path, sound: Template) -> None:
    with House.opened(home, sound.wallets) as house:
        house.grant(house.people[0])
    assert "anchor: late" not in said(home, ahead=7000, anchor_seconds=3600)
    assert "anchor: late" in said(home, ahead=7300, anchor_seconds=3600)
    with House.opened(home, sound.wallets) as house:
        house.anchor()
    assert "anchor: late" not in said(home, ahead=7300, anchor_seconds=3600)
