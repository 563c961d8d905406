"""`consentry invite`: a code for one person, on standard output and in a letter."""

import re
import sqlite3
from pathlib import Path

import pytest

from consent.cli.errors import NOT_FOUND, REFUSED, USAGE
from tests.cli.desk import Desk
from tests.databases import Kind
from tests.services.house import House, Template, identifier_of, receive

CODE = r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){4}"
NEW = 77
"""Somebody whose records are here and who has no key."""


@pytest.fixture
def desk(database_kind: Kind, tmp_path: Path) -> Desk:
    """Two people with keys, and one without."""
    template = Template.built(tmp_path / "home", range(2), database_kind)
    with House.opened(template.home, template.wallets) as house:
        receive(house.open, NEW)
    return Desk.at(template.home, template)


def test_a_code_is_printed_with_where_to_type_it(desk: Desk) -> None:
    ran = desk.done("invite", "--identifier", identifier_of(NEW), CONSENTRY_PORTAL="https://portal.hospital.example",
                    CONSENTRY_SIGNING="https://sign.hospital.example", CONSENTRY_API="https://api.hospital.example",
                    CONSENTRY_TELEPHONE="020 7946 0123")  # fmt: skip
    assert re.fullmatch(CODE, ran.stdout.strip())
    assert "https://portal.hospital.example/start" in ran.stderr


def test_a_letter_has_the_code_a_square_and_where_to_go_and_names_nobody(desk: Desk, tmp_path: Path) -> None:
    letter = tmp_path / "letter.html"
    code = desk.done("invite", "--identifier", identifier_of(NEW), "--letter", letter).stdout.strip()
    said = letter.read_text()
    assert code in said
    assert "<svg" in said
    assert "http://localhost:8000/start" in said
    assert identifier_of(NEW) not in said
    assert letter.stat().st_mode & 0o077 == 0


def test_a_letter_can_be_in_spanish(desk: Desk, tmp_path: Path) -> None:
    letter = tmp_path / "carta.html"
    asked = ("invite", "--identifier", identifier_of(NEW), "--letter", letter, "--language")
    assert desk.run(*asked, "fr").returncode == USAGE
    assert not letter.exists()
    code = desk.done(*asked, "es", CONSENTRY_TELEPHONE="020 7946 0123").stdout.strip()
    said = letter.read_text()
    for words in ('<html lang="es">', code, "Usted elige quién usa sus datos de salud", "¿Preguntas? Llámenos: 020"):
        assert words in said, words
    assert re.search(r"Vale una vez, hasta el \d+ de \w+ de \d{4}\.", said)


def test_a_new_code_takes_the_place_of_the_old_one_and_no_code_is_kept(desk: Desk) -> None:
    codes = [desk.done("invite", "--identifier", identifier_of(NEW)).stdout.strip() for _ in range(2)]
    assert codes[0] != codes[1]
    with sqlite3.connect(desk.home / "records.sqlite") as database:
        assert database.execute("SELECT count(*) FROM invitations").fetchone() == (1,)
    kept = b"".join(path.read_bytes() for path in desk.home.rglob("*") if path.is_file())
    assert not any(code.replace("-", "").encode() in kept or code.encode() in kept for code in codes)


def test_somebody_with_a_key_or_unknown_gets_no_code(desk: Desk, tmp_path: Path) -> None:
    assert desk.run("invite", "--identifier", identifier_of(0)).returncode == REFUSED
    assert desk.run("invite", "--identifier", identifier_of(500)).returncode == NOT_FOUND
    taken = tmp_path / "taken.html"
    taken.write_text("mine")
    assert desk.run("invite", "--identifier", identifier_of(NEW), "--letter", taken).returncode == USAGE
    assert taken.read_text() == "mine"
