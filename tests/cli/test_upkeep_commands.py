"""The commands that keep an installation well: a turn, backups and what is restored from them, an older version's."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import migrations
from consent.adapters.sql import SqlStore, open_records
from consent.cli.app import LOCAL, PARTS, app, local_app, name_of
from consent.cli.errors import BROKEN, NOT_FOUND, REFUSED, SIGN_IN, USAGE
from consent.wiring import opened
from tests.cli.desk import Desk
from tests.cli.test_commands import ROOT, consentry, refused
from tests.databases import Kind, fresh_database
from tests.services.house import House, Template, identifier_of, patient_bundle, settings_of

PASSWORD = "geheim"


@pytest.fixture(scope="module")
def small(database_kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Four people, of whom the first two consented and the chain knows, closed; and a backup of then."""
    template = Template.built(tmp_path_factory.mktemp("small") / "home", range(4), database_kind)
    with House.opened(template.home, template.wallets) as house:
        house.grant(*house.people[:2])
        house.anchor()
    Desk.at(template.home, template).done("backup", template.home.parent / "backup")
    return template


@pytest.fixture
def desk(small: Template, tmp_path: Path) -> Desk:
    """A copy, the test's own."""
    shutil.copytree(small.home, tmp_path / "home")
    return Desk.at(tmp_path / "home", small)


@pytest.fixture
def records(small: Template) -> Path:
    """The records of the backup."""
    [file] = (small.home.parent / "backup" / "records").iterdir()
    return file


@pytest.fixture
def keys(small: Template) -> Path:
    """The keys of the backup."""
    return small.home.parent / "backup" / "keys" / "keys-epoch-1.sqlite"


@pytest.fixture
def chain(small: Template) -> Path:
    """The chain of the backup."""
    [file] = (small.home.parent / "backup" / "chain").iterdir()
    return file


def databases(desk: Desk) -> list[bytes]:
    return [(desk.home / name).read_bytes() for name in ("records.sqlite", "keys.sqlite", "chain.sqlite")]


# --- help


def test_every_command_has_its_part_of_the_help() -> None:
    for group, wanted in ((app, {name for names in PARTS.values() for name in names}), (local_app, set(LOCAL))):
        named = {name_of(command) for command in group.registered_commands}
        assert named | {str(inner.name) for inner in group.registered_groups} == wanted
    shown = consentry("--help").stdout
    assert [shown.index(part) for part in PARTS] == sorted(shown.index(part) for part in PARTS)


def test_no_help_imports_anything_heavy() -> None:
    ask = (
        "import sys\n"
        "from consent.cli import main\n"
        "for words in sys.stdin:\n"
        "    sys.argv = ['consentry', *words.split(), '--help']\n"
        "    try: main()\n"
        "    except SystemExit as end: assert not end.code, words\n"
        "print('LOADED', *sys.modules)\n"
    )
    commands = [*(name for names in PARTS.values() for name in names), "epoch turn", "operator new", "operator add"]
    commands += [f"local {name}" for name in LOCAL] + ["study show", "local study approve", "local model card"]
    commands += ["cohort preview", "request send", "model manifest"]
    told = subprocess.run(
        [sys.executable, "-c", ask], input="\n".join(commands), capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout  # fmt: skip
    loaded = told.split("LOADED")[1].split()
    assert {"consent.wiring", "sqlalchemy", "eth", "numpy", "cryptography", "fhir"}.isdisjoint(loaded)


# --- the epoch and backups


def test_a_turn_makes_a_folder_for_its_backup_and_older_keys_open_nothing(desk: Desk, keys: Path) -> None:
    ran = desk.done("epoch turn")
    assert ran.stdout.startswith("Epoch 1 is dead; keys in epoch 2: 4.")
    [newest] = (desk.home / "backups" / "keys").iterdir()
    assert (newest.name, newest.stat().st_mode & 0o777) == ("keys-epoch-2.sqlite", 0o600)
    refused(desk.run("restore", "--keys", keys), BROKEN, "no replica folder holds an intact key of epoch 1")
    desk.done("restore", "--keys", newest)


def test_a_turn_needs_every_replica_and_says_which_is_away(desk: Desk) -> None:
    away = desk.home / "operator" / "epoch-b"
    away.rename(desk.home / "away")
    refused(desk.run("epoch turn"), BROKEN, "epoch-b: copy it there first")
    (desk.home / "away").rename(away)
    desk.done("epoch turn")


def test_a_backup_lies_where_it_was_asked_for_else_where_the_setting_says(desk: Desk, tmp_path: Path) -> None:
    for folder, arguments, setting in (
        (tmp_path / "named", (tmp_path / "named",), {"CONSENTRY_BACKUPS": str(tmp_path / "elsewhere")}),
        (tmp_path / "set", (), {"CONSENTRY_BACKUPS": str(tmp_path / "set")}),
        (desk.home / "backups", (), {}),
    ):
        told = desk.done("backup", *arguments, **setting).stdout
        assert all(str(file) in told for file in folder.glob("*/*.sqlite"))
        assert sorted(part.name for part in folder.iterdir()) == ["chain", "keys", "records"]
    (tmp_path / "file").write_text("no folder")
    refused(desk.run("backup", tmp_path / "file"), BROKEN, "name a folder that is writable")


# --- restoring


def test_what_a_backup_does_not_know_is_done_again_and_counted(desk: Desk, records: Path) -> None:
    subject = desk.subject(0)
    desk.done("stop", "--subject", subject)
    told = desk.done("restore", "--records", records).stdout
    assert told.startswith("Restored. entries of the log taken back from the log archive: 1")
    assert told.endswith("Now `consentry doctor`, then start the programs.")
    assert "stopped" in desk.done("consents", "--subject", subject).stdout
    with House.without_ledger(desk.home, {}) as house:
        told_of = [(line["verdict"], line.get("facts")) for line in house.log() if line["action"] == "keys"]
    assert told_of == [("BACKED_UP", {"epoch": 1}), ("RESTORED", {"parts": ["records"]})]


def test_keys_that_older_ones_replaced_are_counted_and_not_given_up_unasked(
    desk: Desk, keys: Path, tmp_path: Path
) -> None:
    (tmp_path / "900.json").write_bytes(patient_bundle(900))
    (tmp_path / "901.json").write_bytes(patient_bundle(901))
    desk.done("import", tmp_path / "900.json", tmp_path / "901.json")
    desk.done("backup", tmp_path / "newest")
    told = desk.done("restore", "--keys", keys).stdout
    assert "people without a key now, of whom nothing opens: 2" in told
    for turn in ("epoch turn", "epoch turn --patients-only"):
        refused(desk.run(turn), REFUSED, "people without a key: 2; a turn makes every older keys backup useless")
    told = desk.done("restore", "--keys", tmp_path / "newest" / "keys" / keys.name).stdout
    assert "without a key" not in told
    desk.done("restore", "--keys", keys)
    assert "keys in epoch 2: 4." in desk.done("epoch turn", "--give-up-lost-keys").stdout


def test_the_turn_by_schedule_waits_for_no_lost_key(desk: Desk, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "900.json").write_bytes(patient_bundle(900))
    desk.done("import", tmp_path / "900.json")
    desk.done("restore", "--keys", keys)
    with House.opened(desk.home, desk.template.wallets) as house:
        receipt = house.erase(desk.subject(3))
        assert (receipt.subject, house.open.keys.epoch) == (desk.subject(3), 2)


def test_nothing_is_restored_while_a_program_runs(desk: Desk, records: Path) -> None:
    before = databases(desk)
    with opened(settings_of(desk.home)):
        refused(desk.run("restore", "--records", records), BROKEN, "stop them all first")
        refused(desk.run("upgrade"), BROKEN, "stop them all first")
    assert databases(desk)[1:] == before[1:]
    desk.done("restore", "--records", records)


def test_a_wrong_file_or_passphrase_changes_nothing(
    desk: Desk, records: Path, keys: Path, chain: Path, tmp_path: Path
) -> None:
    before, none, cut = databases(desk), tmp_path / "none", tmp_path / "cut"
    none.write_text("no database")
    cut.write_bytes(records.read_bytes()[: records.stat().st_size // 2])
    newer = Path(shutil.copy(records, tmp_path / "newer"))
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for file in (none, cut, newer, keys):
        refused(desk.run("restore", "--records", file), BROKEN, "backup")
    for file in (records, chain):
        refused(desk.run("restore", "--keys", file), BROKEN, "backup")
    refused(desk.run("restore", "--records", records, "--chain", none), BROKEN, "backup")
    refused(desk.run("restore", "--chain", chain), USAGE, "add --records")
    refused(desk.run("restore"), USAGE, "name what is to be restored")
    refused(desk.run("restore", "--records", tmp_path), USAGE, "is a directory")
    wrong = tmp_path / "wrong"
    wrong.write_text("guess")
    refused(desk.run("restore", "--records", records, CONSENTRY_PASSPHRASE_FILE=str(wrong)), SIGN_IN, "passphrase")
    assert databases(desk) == before
    assert sorted(path.name for path in desk.home.iterdir() if path.is_dir()) == ["operator"]


def test_everything_lost_comes_back_from_one_backup(desk: Desk, records: Path, keys: Path, chain: Path) -> None:
    for name in ("records.sqlite", "keys.sqlite", "chain.sqlite"):
        (desk.home / name).unlink()
    refused(desk.run("consents", "--subject", desk.subject(0)), NOT_FOUND, "records.sqlite is missing")
    desk.done("restore", "--records", records, "--keys", keys, "--chain", chain)
    with House.opened(desk.home, desk.template.wallets) as house:
        assert [house.verdict(subject) for subject in house.people[:3]] == ["PERMIT", "PERMIT", "NO_GRANT"]


def test_keys_of_people_whom_a_backup_does_not_know_stay_until_they_are_left_behind(
    desk: Desk, records: Path, tmp_path: Path
) -> None:
    (tmp_path / "900.json").write_bytes(patient_bundle(900))
    desk.done("import", tmp_path / "900.json")
    desk.done("restore", "--records", records)
    assert "keys in epoch 2: 5." in desk.done("epoch turn").stdout
    assert "keys in epoch 3: 4." in desk.done("epoch turn", "--patients-only").stdout


# --- an older version's installation

OLDER = {
    "entries": ("index", "body", "leaf"),
    "checkpoints": ("size", "note"),
    "studies": ("id", "definition"),
    "consents": ("id", "subject", "sealed", "stopped"),
    "vault_records": ("record_id", "subject", "category", "version", "sealed"),
}


def made_older(home: Path) -> None:
    """Give an installation the records database, and the folder, that the version before kept."""
    now, then = home / "records.sqlite", home / "older.sqlite"
    engine = open_records(then)
    migrations.upgrade(engine, "records", "0004")
    engine.dispose()
    with closing(sqlite3.connect(then)) as older:
        older.execute(f"ATTACH '{now}' AS newer")
        for table, names in OLDER.items():
            columns = ", ".join(f'"{name}"' for name in names)
            older.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")  # noqa: S608  # ours
        older.execute(
            "INSERT INTO main.patients (subject, identifier_mac, enrolment, blocked) SELECT subject, mac, enrolment,"
            " blocked FROM newer.patients JOIN newer.identifiers USING (subject)"
        )
        older.commit()
    for path in home.glob("records.sqlite*"):
        path.unlink()
    then.rename(now)
    for left in ("stops", "log-archive"):
        (home / "operator" / left).unlink()


@pytest.fixture
def older(desk: Desk) -> Desk:
    """The version before: somebody stopped, somebody consents, the rest said nothing."""
    desk.done("stop", "--subject", desk.subject(0))
    made_older(desk.home)
    return desk


def test_an_older_installation_says_that_it_wants_an_upgrade_and_serves_nobody(older: Desk) -> None:
    refused(older.run("consents", "--subject", older.subject(1)), NOT_FOUND, "stop list is missing")
    said = older.run("doctor")
    assert (said.returncode, "run `consentry upgrade`" in said.stdout) == (BROKEN, True)
    assert "stops is missing" not in said.stdout, "it never had one"


def test_an_upgrade_carries_over_records_identifiers_consents_and_stops(older: Desk) -> None:
    assert older.done("upgrade").stdout == "Up to date. Now `consentry doctor`, then start the programs."
    engine = open_records(older.home / "records.sqlite")
    with SqlStore(engine).reading() as unit:
        assert unit.log.size() > 16
        assert unit.log.has_subtrees(), "the tree of a log that stored none is there before anything opens it"
    engine.dispose()
    with House.opened(older.home, older.template.wallets) as house:
        assert [house.open.records.subject_of(identifier_of(number)) for number in range(4)] == house.people
        house.anchor()
        assert [house.verdict(subject) for subject in house.people[:3]] == ["STOPPED", "PERMIT", "NO_GRANT"]
        [consent] = house.open.book.entries(house.people[0])
        assert house.open.stops.state().stopped == {consent.id}
        with house.open.store.reading() as unit:
            assert house.open.vault.among(unit.connection, house.people) == set(house.people)
    out = older.home / "out.json"
    older.done("access", older.signed("access", 3), "--out", out)
    kept = [entry["resource"] for entry in json.loads(out.read_bytes())["entry"]]
    came = [entry["resource"] for entry in json.loads(patient_bundle(3))["entry"]]
    assert sorted(kept, key=str) == sorted(came, key=str)


def test_an_upgrade_may_be_run_again_and_keeps_the_stop_list(older: Desk) -> None:
    older.done("upgrade")
    before = (older.home / "operator" / "stops").read_bytes()
    older.done("upgrade")
    assert (older.home / "operator" / "stops").read_bytes() == before


def test_an_upgrade_waits_until_nothing_is_on_its_way_in_clear(older: Desk) -> None:
    with closing(sqlite3.connect(older.home / "records.sqlite")) as connection, connection:
        connection.execute(
            "INSERT INTO outbox (commitment, errand, patient, expires, publish_by, signature)"
            " VALUES (x'01', 'stop', x'02', 0, 0, x'')"
        )
    refused(older.run("upgrade"), REFUSED, "run the ledger of the version before until none does")
    assert not (older.home / "operator" / "stops").exists()
    with closing(sqlite3.connect(older.home / "records.sqlite")) as connection, connection:
        connection.execute("DELETE FROM outbox")
    older.done("upgrade")


def test_what_a_newer_version_wrote_is_not_touched(desk: Desk) -> None:
    with closing(sqlite3.connect(desk.home / "records.sqlite")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    refused(desk.run("upgrade"), BROKEN, "newer version")


# --- folders and databases that are not there


def test_what_the_system_refuses_is_one_sentence(desk: Desk, tmp_path: Path) -> None:
    passphrase = str(desk.home / "operator" / "passphrase")
    file = tmp_path / "file"
    file.write_text("no folder")
    refused(consentry("init", file / "home", CONSENTRY_PASSPHRASE_FILE=passphrase), BROKEN, "Not a directory")
    refused(consentry("doctor", tmp_path, CONSENTRY_PASSPHRASE_FILE=passphrase), NOT_FOUND, "no installation")
    refused(consentry("operator", "new", file / "key", "--passphrase-file", passphrase), BROKEN, "Not a directory")


@pytest.mark.parametrize(
    ("setting", "rest"),
    [
        ("CONSENTRY_RECORDS", "127.0.0.1:1/nothing"),
        ("CONSENTRY_KEYS", "127.0.0.1:1/nothing"),
        ("CONSENTRY_RECORDS", "[127/nothing"),
        ("CONSENTRY_KEYS", "127.0.0.1:port/nothing"),
    ],
)
def test_the_url_of_a_database_that_does_not_answer_is_never_said(desk: Desk, setting: str, rest: str) -> None:
    for command in (("consents", "--subject", desk.subject(0)), ("upgrade",), ("doctor",)):
        ran = desk.run(*command, **{setting: f"postgresql://somebody:{PASSWORD}@{rest}"})
        assert ran.returncode in {USAGE, BROKEN}, ran.stderr
        told = ran.stderr + ran.stdout
        assert [word for word in (PASSWORD, "somebody", "Traceback") if word in told] == []


def test_a_database_of_another_kind_is_a_setting_to_correct(desk: Desk) -> None:
    ran = desk.run("doctor", CONSENTRY_RECORDS=f"mysql://somebody:{PASSWORD}@127.0.0.1/nothing")
    refused(ran, USAGE, "CONSENTRY_RECORDS is a URL that begins with")
    assert PASSWORD not in ran.stderr


def test_the_whole_of_it_on_postgresql(tmp_path: Path) -> None:
    """Made, filled, backed up, lost and restored, with both databases on a server."""
    home, passphrase, file = tmp_path / "home", tmp_path / "passphrase", tmp_path / "900.json"
    passphrase.write_text("correct horse\n")
    file.write_bytes(patient_bundle(900))

    def at(records: str, keys: str, command: str, *arguments: object) -> str:
        urls = {"CONSENTRY_RECORDS": records, "CONSENTRY_KEYS": keys}
        ran = consentry(*command.split(), home, *arguments, CONSENTRY_PASSPHRASE_FILE=str(passphrase), **urls)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    first, second = (fresh_database(), fresh_database()), (fresh_database(), fresh_database())
    at(*first, "init")
    assert at(*first, "import", file) == "Patients: 1. Records sealed: 3."
    who = ("--identifier", identifier_of(900))
    at(*first, "hold", *who, "--basis", "court")
    at(*first, "epoch turn")
    at(*first, "backup")
    backups = {part: next((home / "backups" / part).glob("*.sqlite")) for part in ("records", "keys")}
    at(*second, "restore", "--records", backups["records"], "--keys", backups["keys"])
    at(*second, "upgrade")
    assert at(*second, "import", file) == "Patients: 1. Records sealed: 0. 3 unchanged"
    at(*second, "lift", *who)
    assert sorted(path.name for path in home.glob("*.sqlite")) == ["chain.sqlite"]
