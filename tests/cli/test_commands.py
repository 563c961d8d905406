"""The command line: one sentence and an exit code for whatever goes wrong, and nothing stored by halves."""

import io
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from consent.cli import main
from consent.cli.errors import BROKEN, NOT_FOUND, NOT_VERIFIED, SIGN_IN, USAGE, exit_code
from consent.wiring import InstallationError, opened, opened_for_audit
from tests.services.house import DICTIONARY, PARAMETERS, PASSPHRASE, House, Template, patient_bundle

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind: the terminal's boxes and line breaks are taken out."""

    returncode: int
    stdout: str
    stderr: str


def consentry(*arguments: object, **environment: str) -> Ran:
    """Run the command line here: what would end the process ends this call."""
    code, out, err = 0, io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["consentry", *map(str, arguments)])
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    out.seek(0)
    return Ran(code, plain(out.read()), plain(err.getvalue()))


def plain(text: str) -> str:
    return " ".join(re.sub(r"[\u2500-\u257f]|\x1b\[[0-9;]*m", " ", text).split())


def refused(ran: Ran, code: int, told: str) -> None:
    assert "Traceback" not in ran.stderr + ran.stdout
    assert (ran.returncode, told in ran.stderr) == (code, True), ran.stderr


@pytest.fixture(scope="module")
def finished(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the demo leaves it: release, receipts, checkpoint."""
    home = tmp_path_factory.mktemp("finished") / "home"
    with House.copied(template, home) as house:
        receipts = house.grant(*house.people[:40])
        house.publish()
        house.open.training.train("kidneys", DICTIONARY, PARAMETERS)
        house.publish()
        with house.open.store.begin() as unit:
            house.open.log.checkpoint(unit)
        (home / "patients").mkdir()
        lines = "".join(json.dumps(receipt.to_json()) + "\n" for receipt in receipts)
        (home / "patients" / "receipts.jsonl").write_text(lines)
    (home / "operator" / "passphrase").write_bytes(PASSPHRASE + b"\n")
    return home


@pytest.fixture
def home(finished: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    import shutil

    return Path(shutil.copytree(finished, tmp_path / "home"))


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    heavy = {"xgboost", "sklearn", "numpy", "eth", "web3", "flask", "sqlalchemy", "fhir", "matplotlib", "cryptography"}
    ask = (
        "import sys\n"
        "sys.argv = ['consentry', '--help']\n"
        "from consent.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('LOADED', *sys.modules)\n"
    )
    started = time.monotonic()
    ran = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=ROOT)
    assert time.monotonic() - started < 3
    told, loaded = ran.stdout.split("LOADED")
    assert all(command in told for command in ("demo", "init", "import", "verify", "serve"))
    assert heavy.isdisjoint(loaded.split())


def test_an_honest_folder_verifies_without_any_key(home: Path) -> None:
    import shutil

    shutil.rmtree(home / "operator")
    (home / "keys.sqlite").unlink()
    ran = consentry("verify", home)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"All \d+ checks hold; \d could not be made\.", ran.stdout)


def edited(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def test_a_tampered_log_is_named_with_exit_6(home: Path) -> None:
    with sqlite3.connect(home / "records.sqlite") as connection:
        connection.execute("""UPDATE entries SET body = '{"index": 3}' WHERE "index" = 3""")
    connection.close()
    refused(consentry("verify", home), NOT_VERIFIED, "log.entries does not hold")


def test_a_tampered_receipt_is_named_with_exit_6(home: Path) -> None:
    edited(home / "patients" / "receipts.jsonl", lambda text: text.replace('"by": "patient"', '"by": "operator"', 1))
    refused(consentry("verify", home), NOT_VERIFIED, "receipts does not hold")


def test_a_tampered_release_is_named_with_exit_6(home: Path) -> None:
    with sqlite3.connect(home / "records.sqlite") as connection:
        connection.execute("UPDATE releases SET manifest = replace(CAST(manifest AS TEXT), '\"seed\":0', '\"seed\":1')")
    connection.close()
    ran = consentry("verify", home)
    refused(ran, NOT_VERIFIED, "release.1.signed does not hold; 2 of")
    assert "FAILS release.1.registered" in ran.stdout


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("installation.json", "{}", "installation.json is damaged"),
        ("installation.json", "no JSON", "installation"),
        ("installation.json", '{"tenant": "a", "origin": "b", "log_key": "zz"}', "installation.json is damaged"),
        ("patients/receipts.jsonl", "no JSON\n", "a receipt is not JSON"),
        ("patients/receipts.jsonl", '{"patient": "zz"}\n', "exactly the published fields"),
        ("records.sqlite", "no database at all, " * 100, "database"),
        ("chain.sqlite", "no database at all, " * 100, ""),
    ],
)
def test_a_damaged_file_gets_a_sentence(home: Path, file: str, content: str, told: str) -> None:
    (home / file).write_text(content)
    for left in home.glob(f"{file}-*"):
        left.unlink()
    ran = consentry("verify", home)
    assert ran.returncode in {NOT_FOUND, BROKEN, NOT_VERIFIED}
    refused(ran, ran.returncode, told)
    assert ran.stderr.startswith("consentry: ")


@pytest.mark.parametrize("missing", ["records.sqlite", "chain.sqlite", "installation.json"])
def test_a_missing_file_gets_a_sentence_and_is_not_made_anew(home: Path, missing: str) -> None:
    (home / missing).unlink()
    refused(consentry("verify", home), NOT_FOUND, "consentry: ")
    assert not (home / missing).exists()


def test_files_that_are_not_there_are_a_mistake_of_usage(home: Path) -> None:
    refused(consentry("verify", home, "--receipts", home / "none.jsonl"), USAGE, "does not exist")
    refused(consentry("verify", home, "--receipts", home / "none.json"), USAGE, "does not exist")
    refused(consentry("import", home, home / "none.json"), USAGE, "does not exist")
    refused(consentry("import", home, home), USAGE, "is a directory")


def kept(home: Path) -> tuple[int, int]:
    """Return the number of patients and of entries."""
    with opened_for_audit(home) as room, room.store.reading() as unit:
        return len(unit.patients.everyone()), unit.log.size()


def test_import_takes_all_files(home: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.json" for number in (900, 901)]
    for number, file in zip((900, 901), files, strict=True):
        file.write_bytes(patient_bundle(number))
    people, entries = kept(home)
    ran = consentry("import", home, *files)
    assert (ran.returncode, "Patients: 2. Records sealed: 6." in ran.stdout) == (0, True), ran.stderr
    assert kept(home) == (people + 2, entries + 4)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name,born\nWilhelmina,1930\n", "no FHIR JSON"),
        (patient_bundle(902).replace(b'"resourceType": "Observation", ', b""), "resourceType"),
        (patient_bundle(902).replace(b"Patient/p902", b"Patient/p903"), "names no Patient of this import"),
        (patient_bundle(902).replace(b"1940", b"Wilhelmina").replace(b'"final"', b'["Wilhelmina"]'), "no valid R4"),
    ],
)
def test_import_of_a_bad_file_stores_nothing_of_the_good_one_either(
    home: Path, tmp_path: Path, content: bytes, told: str
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(patient_bundle(901))
    bad.write_bytes(content)
    before = kept(home)
    ran = consentry("import", home, good, bad)
    refused(ran, USAGE, told)
    assert "file 2 of 2" in ran.stderr
    assert "bad.json" not in ran.stderr, "people's names stand in file names"
    assert "Wilhelmina" not in ran.stderr + ran.stdout
    assert kept(home) == before


def test_the_wrong_passphrase_and_none_are_told_apart(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "901.json"
    file.write_bytes(patient_bundle(901))
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"guess\n")
    refused(consentry("import", home, file, CONSENTRY_PASSPHRASE_FILE=str(wrong)), SIGN_IN, "passphrase")
    absent = str(tmp_path / "absent")
    refused(consentry("import", home, file, CONSENTRY_PASSPHRASE_FILE=absent), USAGE, "CONSENTRY_PASSPHRASE_FILE")
    wrong.write_bytes(b"\n")
    refused(consentry("import", home, file, CONSENTRY_PASSPHRASE_FILE=str(wrong)), USAGE, "empty")
    refused(consentry("import", home, file, CONSENTRY_MAX_STALENESS="soon"), USAGE, "CONSENTRY_MAX_STALENESS")


def test_a_second_process_on_the_chain_is_told_so(template: Template, tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "901.json"
    file.write_bytes(patient_bundle(901))
    with House.copied(template, home):
        (home / "operator" / "passphrase").write_bytes(PASSPHRASE)
        refused(consentry("ledger", home), BROKEN, "another process has this chain open")


def test_records_are_imported_beside_the_process_that_runs_the_ledger(template: Template, tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "901.json"
    file.write_bytes(patient_bundle(901))
    with House.copied(template, home) as house:
        (home / "operator" / "passphrase").write_bytes(PASSPHRASE)
        assert consentry("import", home, file).returncode == 0
        assert house.open.records.subject_of("https://hospital.example|901") is not None


def test_an_installation_is_made_once(tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_bytes(b"horse\n")
    refused(consentry("init", tmp_path / "new", CONSENTRY_PASSPHRASE_FILE=str(passphrase)), USAGE, "at least 12")
    assert not (tmp_path / "new").exists()
    passphrase.write_bytes(b"correct horse\n")
    made = consentry("init", tmp_path / "new", CONSENTRY_PASSPHRASE_FILE=str(passphrase))
    assert made.returncode == 0, made.stderr
    before = (tmp_path / "new" / "installation.json").read_bytes()
    again = consentry("init", tmp_path / "new", CONSENTRY_PASSPHRASE_FILE=str(passphrase))
    refused(again, NOT_FOUND, "holds an installation already")
    assert (tmp_path / "new" / "installation.json").read_bytes() == before
    assert oct((tmp_path / "new" / "operator").stat().st_mode)[-3:] == "700"


def test_what_is_not_ours_is_not_dressed_up() -> None:
    assert exit_code(ValueError("a bug")) is None


@pytest.mark.parametrize(
    "part", ["records.sqlite", "keys.sqlite", "chain.sqlite", "operator/root-key.json", "operator/chain-keys.json"]
)
def test_a_missing_part_is_named_and_nothing_is_put_in_its_place(template: Template, tmp_path: Path, part: str) -> None:
    with House.copied(template, tmp_path / "home") as house:
        settings = house.settings
    (tmp_path / "home" / part).unlink()
    with pytest.raises(InstallationError, match=Path(part).name), opened(settings):
        pass
    assert not (tmp_path / "home" / part).exists()


def test_no_whole_receipt_is_nothing_checked(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"\xff\xfe")
    ran = consentry("verify", home, "--receipts", tmp_path / "empty.jsonl")
    assert re.search(r"open\s+receipts", ran.stdout)
