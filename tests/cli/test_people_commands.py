"""The commands about people, as an operator runs them: records in and out, and an erasure from request to receipt."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from consent.cli.errors import BROKEN, NOT_FOUND, REFUSED, USAGE
from tests.cli.desk import Desk
from tests.cli.test_commands import Ran, refused
from tests.databases import Kind
from tests.services.house import House, Template, identifier_of, patient_bundle

NAME = "Wilhelmina"
"""Stands where it does not belong in what is imported; no command says it."""
DICTIONARY = """
[person]
identifier = "mrn"
system = "https://hospital.example"
[date]
column = "taken"
[[column]]
name = "creatinine"
system = "http://loinc.org"
code = "2160-0"
display = "Creatinine"
category = "laboratory"
unit = "mg/dL"
"""


@pytest.fixture(scope="module")
def small(database_kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Six people and two operators, closed."""
    folder = tmp_path_factory.mktemp("small")
    template = Template.built(folder / "home", range(6), database_kind)
    Desk.at(template.home, template).register_operators()
    return template


@pytest.fixture
def desk(small: Template, tmp_path: Path) -> Desk:
    """A copy with its operators' key files, the test's own."""
    for file in small.home.parent.glob("*-office.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return Desk.copied(small, tmp_path / "home")


@pytest.fixture
def bystander(small: Template) -> Desk:
    """The one that nothing may change."""
    return Desk.at(small.home, small)


def resources(*numbers: int) -> list[dict[str, Any]]:
    return [entry["resource"] for number in numbers for entry in json.loads(patient_bundle(number))["entry"]]


def ndjson(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


# --- import


def test_files_of_one_import_are_read_together_and_again_change_nothing(desk: Desk, tmp_path: Path) -> None:
    found = resources(900, 901)
    people = ndjson(tmp_path / "a.ndjson", [one for one in found if one["resourceType"] == "Patient"])
    values = ndjson(tmp_path / "b.ndjson", [one for one in found if one["resourceType"] != "Patient"])
    assert desk.done("import", values, people).stdout == "Patients: 2. Records sealed: 6."
    assert desk.done("import", people, values).stdout == "Patients: 2. Records sealed: 0. 6 unchanged"


def bad_lines() -> list[Any]:
    patient, *values = resources(900)
    return [
        patient,
        values[0] | {"status": [NAME]},
        {"resourceType": "Claim", "id": "c1"},
        values[1] | {"subject": {"reference": f"Patient/{NAME}"}},
        '{"resourceType": "Obse\n',
        values[1],
    ]


def test_something_wrong_stores_nothing_and_is_named_by_its_place(desk: Desk, tmp_path: Path) -> None:
    file = ndjson(tmp_path / f"{NAME}.ndjson", bad_lines())
    ran = desk.run("import", file)
    refused(ran, USAGE, "nothing was stored")
    assert [place for place in ("line 2", "line 4", "line 5") if f"file 1 of 1, {place}: " not in ran.stderr] == []
    assert NAME not in ran.stderr + ran.stdout
    refused(desk.run("consents", "--identifier", identifier_of(900)), NOT_FOUND, "no such person")


def test_the_rest_is_taken_where_that_is_asked(desk: Desk, tmp_path: Path) -> None:
    ran = desk.done("import", ndjson(tmp_path / "c.ndjson", bad_lines()), "--keep-rest")
    left_out = "left out, for no category covers them: 1 Claim"
    assert ran.stdout == f"Patients: 1. Records sealed: 2. 3 not taken: named above {left_out}"
    assert NAME not in ran.stderr + ran.stdout


def test_identifiers_of_two_people_end_in_a_refusal_with_everybody_elses_stored(desk: Desk, tmp_path: Path) -> None:
    patient, *values = resources(1)
    both = patient | {"identifier": patient["identifier"] + resources(2)[0]["identifier"]}
    file = ndjson(tmp_path / "mixed.ndjson", [both, *values, *resources(900)])
    for sealed in (3, 0):
        ran = desk.run("import", file)
        refused(ran, REFUSED, "3 resources were refused and the rest is stored")
        assert "let the hospital say which of two people" in ran.stderr
        assert f"Patients: 1. Records sealed: {sealed}." in ran.stdout
        assert "3 refused: their identifiers belong to two people here" in ran.stdout


def test_people_without_their_key_end_in_a_refusal_with_everybody_elses_stored(desk: Desk, tmp_path: Path) -> None:
    desk.done("backup", tmp_path / "backups")
    [keys] = (tmp_path / "backups" / "keys").iterdir()
    desk.done("import", ndjson(tmp_path / "a.ndjson", resources(900)))
    desk.done("restore", "--keys", keys)
    ran = desk.run("import", ndjson(tmp_path / "b.ndjson", resources(900, 901)))
    refused(ran, REFUSED, "for 3 of them restore the newest backup of the keys, then import again")
    assert "Patients: 1. Records sealed: 3." in ran.stdout


def test_a_table_comes_in_with_its_dictionary(desk: Desk, tmp_path: Path) -> None:
    table, columns = tmp_path / "t.csv", tmp_path / "t.toml"
    columns.write_text(DICTIONARY)
    table.write_text("mrn,taken,creatinine\n1,2020-01-01,1.50\n2,2020-01-01,1;2\n")
    refused(desk.run("import", table), USAGE, "CSV with its dictionary")
    refused(desk.run("import", table, "--csv", columns), USAGE, "row 2, column creatinine")
    assert "not taken" in desk.done("import", table, "--csv", columns, "--keep-rest").stdout
    refused(desk.run("import", table, "--csv", table), USAGE, "dictionary")
    columns.write_bytes(b"\xff")
    refused(desk.run("import", table, "--csv", columns), USAGE, "UTF-8")


# --- attachments, and a person's own records


def test_a_file_of_any_size_goes_in_and_comes_out_as_it_was(desk: Desk, tmp_path: Path) -> None:
    content, scan, out = bytes(range(251)) * 80_000, tmp_path / "scan.dcm", tmp_path / "out.json"  # 20 MB
    scan.write_bytes(content)
    command = ("attach", scan, "--identifier", identifier_of(1), "--category", "imaging", "--type", "application/dicom")
    assert desk.done(*command, "--name", "scan-1").stdout == "Attachment scan-1: stored, version 1."
    assert desk.done(*command, "--name", "scan-1").stdout == "Attachment scan-1: unchanged, version 1."
    ran = desk.done("access", desk.approved("access", 1), "--out", out)
    assert (ran.stdout, str(out) in ran.stderr, out.stat().st_mode & 0o777) == ("", True, 0o600)
    [binary] = [
        e["resource"] for e in json.loads(out.read_bytes())["entry"] if e["resource"]["resourceType"] == "Binary"
    ]
    assert base64.b64decode(binary["data"]) == content


@pytest.mark.parametrize(
    ("changed", "code", "told"),
    [
        ({"--category": "everything"}, USAGE, "a category is one of"),
        ({"--identifier": identifier_of(999)}, NOT_FOUND, "import their records first"),
        ({"--identifier": "1"}, USAGE, "system|value on one line"),
        ({"--type": "dicom"}, USAGE, "application/dicom"),
        ({"--name": "a scan"}, USAGE, "letters, digits"),
        ({"--title": "two\nlines"}, USAGE, "one line"),
    ],
)
def test_an_attachment_with_a_mistake_is_not_taken(
    bystander: Desk, tmp_path: Path, changed: dict[str, str], code: int, told: str
) -> None:
    (tmp_path / "scan").write_bytes(b"scan")
    right = {"--category": "imaging", "--type": "application/dicom", "--name": "s", "--identifier": identifier_of(1)}
    options = [part for option in (right | changed).items() for part in option]
    refused(bystander.run("attach", tmp_path / "scan", *options), code, told)


def test_a_file_that_cannot_be_written_uses_no_request_up(desk: Desk, tmp_path: Path) -> None:
    asked, out = desk.signed("access", 2), tmp_path / "out.json"
    out.write_text("mine")
    refused(desk.run("access", asked, "--out", out), USAGE, "name a new one")
    refused(desk.run("access", asked, "--out", tmp_path / "no" / "folder"), USAGE, "name a new one")
    assert out.read_text() == "mine"
    desk.done("access", asked, "--out", tmp_path / "other.json")
    assert json.loads((tmp_path / "other.json").read_text())["entry"]
    refused(desk.run("access", asked, "--out", tmp_path / "third.json"), REFUSED, "used before")
    assert not (tmp_path / "third.json").exists()


def test_whose_key_is_missing_is_given_not_a_byte_and_may_ask_again_with_the_same_request(desk: Desk) -> None:
    asked = desk.signed("access", 2)
    with House.opened(desk.home, desk.template.wallets) as house:
        house.open.vault.keys.shred([desk.subject(2)])
    for _ in range(2):
        ran = desk.run("access", asked)
        refused(ran, BROKEN, "no key for 1 of 1 subjects: restore the newest backup of the keys")
        assert ran.stdout == ""


# --- who is meant

NO_IDENTIFIERS = [
    NAME,
    f"{NAME}|",
    f"|{NAME}",
    f"| {NAME}",
    f"a | {NAME}",
    f"a|{NAME} ",
    f"a|{NAME}\n",
    "a|\t",
    "a|" * 999,
]
DOORS = {
    "identify": ("--subject", "0" * 32),
    "enrol": (),
    "local request": ("erase",),
    "consents": (),
    "stop": (),
    "hold": ("--basis", "court"),
    "lift": (),
}


@pytest.mark.parametrize("command", DOORS)
def test_what_is_no_identifier_is_refused_at_every_door_and_not_repeated(bystander: Desk, command: str) -> None:
    ran = bystander.run(command, *DOORS[command], "--identifier", NAME)
    refused(ran, USAGE, "system|value on one line, as in https://hospital.example|1020")
    assert NAME not in ran.stdout + ran.stderr


@pytest.mark.parametrize("text", NO_IDENTIFIERS)
def test_an_identifier_has_two_parts_on_one_line(bystander: Desk, text: str) -> None:
    ran = bystander.run("identify", "--subject", "0" * 32, "--identifier", text)
    refused(ran, USAGE, "system|value on one line")
    assert NAME not in ran.stdout + ran.stderr


# --- consents


def test_one_person_is_named_and_neither_none_nor_two(bystander: Desk) -> None:
    both = ("--subject", bystander.subject(1), "--identifier", identifier_of(1))
    for command in (("consents",), ("stop",), ("local request", "erase"), ("hold", "--basis", "court")):
        refused(bystander.run(*command), USAGE, "name one person")
    refused(bystander.run("lift", *both), USAGE, "name one person")
    refused(bystander.run("stop", "--subject", "nobody"), NOT_FOUND, "no such person")


def test_consents_are_listed_stopped_and_then_listed_as_stopped(desk: Desk) -> None:
    who = ("--subject", desk.subject(3))
    assert desk.done("consents", *who).stdout == "No consent of this person is kept here."
    assert "Nothing to stop" in desk.done("stop", *who).stderr
    with House.opened(desk.home, desk.template.wallets) as house:
        house.grant(desk.subject(3))
    assert "on its way" in desk.done("consents", *who).stdout
    ran = desk.done("stop", *who)
    assert (json.loads(ran.stdout)["action"], "keep the receipts" in ran.stderr) == ("stop", True)
    assert "stopped" in desk.done("consents", *who).stdout
    assert "Nothing to stop" in desk.done("stop", *who).stderr


# --- erasure


def standing(desk: Desk) -> str:
    return desk.done("erasures").stdout


def test_an_erasure_goes_from_a_request_to_its_receipt(desk: Desk, tmp_path: Path) -> None:
    """And the person comes back as somebody new, once they are let."""
    back, subject = tmp_path / "back.json", desk.subject(2)
    back.write_bytes(patient_bundle(2))
    assert standing(desk) == "No erasure was asked for."
    receipt = json.loads(desk.done("erase", desk.approved("erase", 2)).stdout)
    assert (receipt["action"], receipt["subject"], receipt["by"]) == ("erase", subject, "operator")
    assert "blocked since" in standing(desk)
    refused(desk.run("enrol", "--identifier", identifier_of(2)), NOT_FOUND, "not for good yet")
    assert "3 refused: their person was erased" in desk.done("import", back).stdout
    refused(desk.run("erasures", "--receipt", subject), NOT_FOUND, "no final erasure")
    desk.ledger()
    assert re.search(r"final since \d{4}-\d\d-\d\d \d\d:\d\dZ$", standing(desk))
    assert "attested" in json.loads(desk.done("erasures", "--receipt", subject).stdout)
    refused(desk.run("local request", "erase", "--subject", subject), NOT_FOUND, "no such person")
    assert "3 refused: their person was erased" in desk.done("import", back).stdout
    desk.done("enrol", "--identifier", identifier_of(2))
    assert desk.done("import", back).stdout == "Patients: 1. Records sealed: 3."


def test_an_erasure_needs_who_may_ask_and_is_asked_once(desk: Desk) -> None:
    unsigned, signed = desk.requested("erase", 1), desk.signed("erase", 1)
    refused(desk.run("erase", unsigned), REFUSED, "2 different registered operators must approve the request: 0 did")
    out = ("--out", desk.home.parent / "out.json")
    refused(desk.run("access", signed, *out), REFUSED, "the file holds another request")
    desk.done("erase", signed)
    refused(desk.run("erase", signed), REFUSED, "already")
    refused(desk.run("access", desk.signed("access", 1), *out), REFUSED, "asked to be erased")
    refused(desk.run("local request", "forget", "--subject", desk.subject(1)), USAGE, "to erase, for access")


def test_a_hold_keeps_what_an_erasure_would_delete_until_it_is_lifted(desk: Desk) -> None:
    who = ("--subject", desk.subject(4))
    refused(desk.run("lift", *who), NOT_FOUND, "no such legal hold")
    refused(desk.run("hold", *who, "--basis", "Court of Z"), USAGE, "a basis is a code")
    refused(desk.run("hold", *who, "--basis", "court", "--until", "2020-01-01"), USAGE, "a day to come")
    refused(desk.run("hold", *who, "--basis", "court", "--until", "soon"), USAGE, "--until")
    desk.done("hold", *who, "--basis", "court", "--until", "2100-01-01")
    desk.done("erase", desk.signed("erase", 4))
    desk.ledger()
    assert "blocked, retained" in standing(desk)
    assert "waits for the end of a legal hold" in standing(desk)
    desk.done("lift", *who)
    for _ in range(2):  # blocked once more, and anchored after that
        desk.ledger()
    assert "final since" in standing(desk)


def test_holds_are_listed_and_one_of_several_is_lifted_by_its_basis(desk: Desk) -> None:
    who = ("--subject", desk.subject(4))
    assert desk.done("holds").stdout == "No legal hold lasts."
    desk.done("hold", *who, "--basis", "court", "--until", "2100-01-01")
    desk.done("hold", *who, "--basis", "tax")
    subject = desk.subject(4)
    assert desk.done("holds").stdout == f"{subject} tax, without an end {subject} court, until 2100-01-01 00:00Z"
    refused(desk.run("lift", *who), USAGE, "name one with --basis: court, tax")
    refused(desk.run("lift", *who, "--basis", "police"), NOT_FOUND, "no such legal hold")
    assert desk.done("lift", *who, "--basis", "tax").stdout == "Lifted: 1 more of this person last."
    assert desk.done("holds").stdout == f"{subject} court, until 2100-01-01 00:00Z"
    assert "goes on" in desk.done("lift", *who).stdout


def test_no_line_about_erasures_is_wider_than_a_terminal(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from consent.cli.erasures import show

    desk.done("hold", "--subject", desk.subject(5), "--basis", "court")
    desk.done("erase", desk.signed("erase", 5))
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    show(desk.home, "")
    lines = capsys.readouterr().out.splitlines()
    assert [len(line) > 1 for line in lines] == [True] * 3
    assert max(map(len, lines)) <= 80


def test_what_is_no_request_is_said_to_be_none(bystander: Desk, tmp_path: Path) -> None:
    for name, content in (("a", b""), ("b", b"{}"), ("c", b"[" * 50_000), ("d", patient_bundle(1))):
        (tmp_path / name).write_bytes(content)
        for command in ("erase", "access"):
            refused(bystander.run(command, tmp_path / name), USAGE, "request")
    missing: Ran = bystander.run("erase", tmp_path / "none")
    refused(missing, USAGE, "does not exist")
