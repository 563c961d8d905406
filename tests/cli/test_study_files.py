"""A study from its file to the books, as an operator runs the commands."""

import json
from pathlib import Path

import pytest
from sqlalchemy import update

from consent.adapters.sql.tables import studies
from consent.cli.errors import NOT_FOUND, REFUSED, USAGE
from tests.cli.desk import Desk
from tests.cli.test_commands import consentry, refused
from tests.services.house import STUDY, House, Template

FILE = """
id = "hearts"
title = "Hearts and [bold]winters"
institution = "The Test Hospital"
text = "Heart values may tell who is ill in winter. Your care does not change."
operations = ["train"]
required = ["demographics", "outcomes"]
optional = ["laboratory", "notes"]

[purpose]
diseases = ["MONDO:0005148"]
"""
ETHICS = ("--ethics", "EC 2026/7")


@pytest.fixture
def desk(template: Template, tmp_path: Path) -> Desk:
    return Desk.copied(template, tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A study that is filled in."""
    path = tmp_path / "hearts.toml"
    path.write_text(FILE)
    return path


def test_a_new_file_is_written_once_and_must_be_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    ran = consentry("study", "new", path)
    assert (ran.returncode, "Fill in" in ran.stdout) == (0, True), ran.stderr
    assert "required = []" in path.read_text()
    refused(consentry("study", "show", path), USAGE, "a study's id is")
    path.write_text("mine")
    refused(consentry("study", "new", path), USAGE, "there already")
    assert path.read_text() == "mine"


def test_what_patients_will_read_is_shown_before_anything_is_registered(file: Path) -> None:
    ran = consentry("study", "show", file, *ETHICS)
    assert ran.returncode == 0, ran.stderr
    for said in (
        "Heart values may tell who is ill in winter.",
        "The Test Hospital, for the study “Hearts and [bold]winters”.",
        "They may use my age and sex, laboratory results, doctors' notes and survival to teach a risk model.",
        "To learn about type 2 diabetes, but never to make money and never to build new research methods.",
        "or until I stop it.",
        "They cannot take part without: age and sex and survival.",
        "They can leave out: laboratory results and doctors' notes.",
    ):
        assert said in ran.stdout
    assert "name its ethics reference" in consentry("study", "show", file).stdout


def test_a_study_is_approved_under_the_hash_that_was_shown_and_stands_in_the_list(desk: Desk, file: Path) -> None:
    shown = consentry("study", "show", file, *ETHICS).stdout.rpartition(" ")[2]
    assert desk.done("local study approve", file, *ETHICS).stdout == f"hearts {shown}"
    with House.opened(desk.home, desk.template.wallets) as house, house.open.store.reading() as unit:
        facts = json.loads(list(unit.log.entries())[-1].body)["facts"]
        asked = unit.studies.get("hearts")
        assert asked is not None
        assert facts == {"definition": shown, "ethics": "EC 2026/7", "text": asked.text_hash}
    said = desk.done("local study list", COLUMNS="200").stdout
    assert f"hearts Hearts and [bold]winters yes 0 {shown[:16]}" in said
    assert f"kidneys {STUDY.reference.title} yes 0" in said
    refused(desk.run("local study approve", file, *ETHICS), REFUSED, "registered already")


def test_a_study_that_was_changed_behind_our_back_is_called_that(desk: Desk) -> None:
    changed = json.dumps(STUDY.to_json() | {"text": "Another text."}).encode()
    with House.opened(desk.home, desk.template.wallets) as house, house.open.store.begin() as unit:
        unit.connection.execute(update(studies).values(definition=changed))
    assert "NO: it was changed since" in desk.done("local study list", COLUMNS="200").stdout


@pytest.mark.parametrize(
    ("purpose", "told"),
    [
        ('other = ["insurance"]', "insurance is no purpose"),
        ("for_profit = false", "names no research"),
    ],
)
def test_a_purpose_that_cannot_be_is_refused_with_the_reason(desk: Desk, file: Path, purpose: str, told: str) -> None:
    file.write_text(FILE.replace('diseases = ["MONDO:0005148"]', purpose))
    refused(consentry("study", "show", file, *ETHICS), REFUSED, told)
    refused(desk.run("local study approve", file, *ETHICS), REFUSED, told)
    assert "hearts" not in desk.done("local study list").stdout


def test_a_purpose_that_a_person_must_look_at_is_shown_without_its_names(desk: Desk, file: Path) -> None:
    shown = consentry("study", "show", file, *ETHICS).stdout
    file.write_text(FILE + 'other = ["COL", "IRB"]')
    told = "No machine decides COL, IRB: a person must look at it, and say why it may be. "
    assert consentry("study", "show", file, *ETHICS).stdout.replace(told, "") == shown
    refused(desk.run("local study approve", file, *ETHICS), REFUSED, "no machine decides COL, IRB")


def test_a_file_that_is_no_study_registers_nothing(desk: Desk, file: Path) -> None:
    file.write_text(FILE.replace("Heart values", "Heart\\u202e values"))
    refused(desk.run("local study approve", file, *ETHICS), USAGE, "printable characters")
    file.write_text(FILE + 'secret = "x"')
    refused(desk.run("local study approve", file, *ETHICS), USAGE, "purpose has a field that is not known")
    file.write_bytes(b"\xff")
    refused(desk.run("local study approve", file, *ETHICS), USAGE, "cannot be read")
    file.write_text(f'ethics = "EC 2026/8"\n{FILE}')
    refused(desk.run("local study approve", file, *ETHICS), USAGE, "another ethics reference")
    refused(desk.run("local study approve", file), USAGE, "--ethics")
    refused(desk.run("local study approve", file.with_name("none.toml"), *ETHICS), USAGE, "does not exist")
    assert "hearts" not in desk.done("local study list").stdout


def test_a_folder_without_an_installation_has_no_studies(tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_bytes(b"correct horse\n")
    ran = consentry("local", "study", "list", tmp_path / "nowhere", CONSENTRY_PASSPHRASE_FILE=str(passphrase))
    refused(ran, NOT_FOUND, "consentry: ")


def test_a_study_is_changed_with_its_text_and_closed_for_good(desk: Desk, file: Path) -> None:
    desk.done("local study approve", file, *ETHICS)
    refused(desk.run("local study change", file, *ETHICS), REFUSED, "nothing in the file differs")
    file.write_text(FILE.replace("in winter. Your", "in winter and in spring. Your"))
    assert desk.done("local study change", file, *ETHICS).stdout.startswith("hearts ")
    assert "yes" in desk.done("local study list").stdout
    assert "hearts is closed; releases withdrawn: 0" in desk.done("local study close", "hearts").stdout
    assert "closed" in desk.done("local study list").stdout
    refused(desk.run("local study close", "hearts"), REFUSED, "was closed")
    refused(desk.run("local study change", file, *ETHICS), REFUSED, "was closed")


def test_a_study_that_nobody_registered_is_not_found(desk: Desk, file: Path) -> None:
    refused(desk.run("local study close", "hearts"), NOT_FOUND, "no such study")
    refused(desk.run("local study change", file, *ETHICS), NOT_FOUND, "no such study")
