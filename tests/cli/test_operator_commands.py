"""Operators at the command line: keys of their own, two freely, then approvals that go from hand to hand in a file."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from consent.cli.errors import BROKEN, NOT_FOUND, REFUSED, SIGN_IN, USAGE
from consent.domain.request_file import OperatorApprovals, RequestFile
from consent.signatures import verifies
from tests.cli.test_commands import ROOT, Ran, consentry, refused
from tests.services.house import PASSPHRASE, House, Template
from tests.services.operators import authorising, request

PASSWORDS = {"privacy-office": "a word of their own", "records-office": "another word", "third-office": "a third"}


class Staff:
    """Operators with their key files, which nobody else can open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: dict[str, str] = {}
        for name, password in PASSWORDS.items():
            (folder / f"{name}.passphrase").write_text(password + "\n")
            ran = consentry("operator", "new", self.key_file(name), "--passphrase-file", folder / f"{name}.passphrase")
            self.keys[name] = ran.stdout

    def key_file(self, name: str) -> Path:
        """Return where an operator keeps the key."""
        return self.folder / f"{name}.key"

    def approve(self, file: Path, name: str) -> Ran:
        """Approve a request as this operator."""
        passphrase = self.folder / f"{name}.passphrase"
        key = ("--key", self.key_file(name), "--passphrase-file", passphrase)
        return consentry("approve", file, "--operator", name, *key)


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Staff:
    """Three people with keys."""
    return Staff(tmp_path_factory.mktemp("staff"))


@pytest.fixture
def home(template: Template, staff: Staff, tmp_path: Path) -> Path:
    """An installation with two operators."""
    home = tmp_path / "home"
    with House.copied(template, home):
        pass
    (home / "operator" / "passphrase").write_bytes(PASSPHRASE + b"\n")
    for name in ("privacy-office", "records-office"):
        assert consentry("operator", "add", home, name, staff.keys[name]).returncode == 0
    return home


def listed(home: Path) -> str:
    return consentry("operator", "list", home).stdout


def test_a_new_key_has_a_file_that_only_its_owner_reads(staff: Staff) -> None:
    assert {len(key) for key in staff.keys.values()} == {64}
    assert len(set(staff.keys.values())) == len(staff.keys)
    assert oct(staff.key_file("privacy-office").stat().st_mode)[-3:] == "600"


def test_a_key_file_is_never_written_over(staff: Staff) -> None:
    before = staff.key_file("privacy-office").read_bytes()
    passphrase = staff.folder / "privacy-office.passphrase"
    ran = consentry("operator", "new", staff.key_file("privacy-office"), "--passphrase-file", passphrase)
    refused(ran, BROKEN, "name a new one")
    assert staff.key_file("privacy-office").read_bytes() == before


def test_without_a_terminal_the_passphrase_is_asked_of_a_file(
    template: Template, staff: Staff, home: Path, tmp_path: Path
) -> None:
    new, file = tmp_path / "new.key", tmp_path / "request.json"
    with House.without_ledger(home, template.wallets) as house:
        file.write_text(json.dumps(RequestFile(request(house, house.people[0])).to_json()))
    before = file.read_bytes()
    key = ("--operator", "privacy-office", "--key", staff.key_file("privacy-office"))
    for command in (("operator", "new", new), ("approve", file, *key)):
        ran = subprocess.run(
            [sys.executable, "-m", "consent.cli", *map(str, command)],
            check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT,
        )  # fmt: skip
        told = "consentry: there is no terminal to type the passphrase at: name its file with --passphrase-file\n"
        assert (ran.returncode, ran.stderr) == (USAGE, told)
    assert not new.exists()
    assert file.read_bytes() == before


def test_the_first_two_are_listed_after_they_were_added(home: Path, staff: Staff) -> None:
    assert all(staff.keys[name] in listed(home) for name in ("privacy-office", "records-office"))


def test_a_third_is_added_with_an_approval_that_a_file_carries(home: Path, staff: Staff, tmp_path: Path) -> None:
    file = tmp_path / "change.json"
    command = ("operator", "add", home, "third-office", staff.keys["third-office"])
    refused(consentry(*command), REFUSED, "--approval")
    refused(consentry(*command, "--approval", file), REFUSED, "run this again")
    refused(consentry(*command, "--approval", file), REFUSED, "must approve this change")
    approved = staff.approve(file, "records-office")
    assert "add-operator" in approved.stdout
    assert staff.keys["third-office"] in approved.stdout
    assert consentry(*command, "--approval", file).returncode == 0
    assert staff.keys["third-office"] in listed(home)


def test_a_removal_needs_an_approval_and_the_file_counts_for_nobody_else(
    home: Path, staff: Staff, tmp_path: Path
) -> None:
    file = tmp_path / "change.json"
    refused(consentry("operator", "remove", home, "records-office", "--approval", file), REFUSED, "run this again")
    staff.approve(file, "privacy-office")
    refused(
        consentry("operator", "remove", home, "privacy-office", "--approval", file), REFUSED, "approves something else"
    )
    assert consentry("operator", "remove", home, "records-office", "--approval", file).returncode == 0
    assert staff.keys["records-office"] not in listed(home)
    refused(consentry("operator", "remove", home, "records-office"), REFUSED, "no operator of this name")


def test_two_operators_approve_a_request_without_an_installation(
    template: Template, staff: Staff, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "request.json"
    with House.without_ledger(home, template.wallets) as house:
        asked = request(house, house.people[0])
        file.write_text(json.dumps(RequestFile(asked).to_json()))
        for name in ("privacy-office", "records-office"):
            ran = staff.approve(file, name)
            assert (ran.returncode, asked.subject in ran.stdout, "erase" in ran.stdout) == (0, True, True)
        read = RequestFile.from_json(json.loads(file.read_text()))
        with house.open.store.reading() as unit:
            assert authorising(house).require(unit, asked, read.authorisation, house.clock()).by == "operator"
    assert isinstance(read.authorisation, OperatorApprovals)
    for name, signature in read.authorisation.approvals:
        assert verifies(bytes.fromhex(staff.keys[name]), asked.signed_bytes(), signature)


def test_an_operator_approves_with_the_right_passphrase_and_again_in_the_same_place(
    template: Template, staff: Staff, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "request.json"
    with House.without_ledger(home, template.wallets) as house:
        asked = request(house, house.people[0])
    file.write_text(json.dumps(RequestFile(asked).to_json()))
    key = ("--key", staff.key_file("privacy-office"), "--passphrase-file", staff.folder / "records-office.passphrase")
    refused(consentry("approve", file, "--operator", "privacy-office", *key), SIGN_IN, "passphrase")
    assert staff.approve(file, "privacy-office").returncode == 0
    before = file.read_bytes()
    assert staff.approve(file, "privacy-office").returncode == 0
    assert file.read_bytes() == before, "Ed25519 signs the same the same"


def test_whose_approval_does_not_count_is_named_and_approves_again_with_the_right_key(
    template: Template, staff: Staff, home: Path, tmp_path: Path
) -> None:
    file, passphrase = tmp_path / "request.json", str(home / "operator" / "passphrase")
    with House.without_ledger(home, template.wallets) as house:
        file.write_text(json.dumps(RequestFile(request(house, house.people[0])).to_json()))
    wrong = ("--key", staff.key_file("third-office"), "--passphrase-file", staff.folder / "third-office.passphrase")
    assert staff.approve(file, "privacy-office").returncode == 0
    assert consentry("approve", file, "--operator", "records-office", *wrong).returncode == 0
    told = "1 did; records-office's does not count: not registered, or signed with another key"
    refused(consentry("erase", home, file, CONSENTRY_PASSPHRASE_FILE=passphrase), REFUSED, told)
    assert staff.approve(file, "third-office").returncode == 0
    told = "1 did; records-office's, third-office's do not count"
    refused(consentry("erase", home, file, CONSENTRY_PASSPHRASE_FILE=passphrase), REFUSED, told)
    assert staff.approve(file, "records-office").returncode == 0
    assert consentry("erase", home, file, CONSENTRY_PASSPHRASE_FILE=passphrase).returncode == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 50_000, b'{"version": 1}', b" " * 70_000], ids=len)
def test_what_is_no_request_is_not_signed(staff: Staff, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(content)
    refused(staff.approve(file, "privacy-office"), USAGE, "request")
    assert file.read_bytes() == content


def test_a_request_of_long_ago_is_not_signed(template: Template, staff: Staff, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    with House.without_ledger(home, template.wallets) as house:
        asked = request(house, house.people[0])
    file.write_text(json.dumps(RequestFile(replace(asked, requested=asked.requested - 31 * 86_400)).to_json()))
    refused(staff.approve(file, "privacy-office"), USAGE, "30 days")


def test_wrong_keys_and_names_are_refused(home: Path, staff: Staff) -> None:
    refused(consentry("operator", "add", home, "third-office", "no key"), USAGE, "64 lower-case hex digits")
    refused(consentry("operator", "add", home, "Dr. A. Name", staff.keys["third-office"]), USAGE, "name the role")
    refused(consentry("operator", "list", home / "nowhere"), USAGE, "passphrase")
    refused(consentry("operator", "add", home, "privacy-office", "0b" * 32), REFUSED, "--approval")
    passphrase = str(home / "operator" / "passphrase")
    refused(
        consentry("operator", "list", home.parent, CONSENTRY_PASSPHRASE_FILE=passphrase), NOT_FOUND, "no installation"
    )
