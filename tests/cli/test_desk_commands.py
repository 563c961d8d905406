"""The operator's commands about clients and staff, and the key that a researcher draws."""

import json
from pathlib import Path
from typing import Any

import pytest

from consent import wiring
from consent.adapters.assertions import JoseAssertions
from consent.cli.errors import NOT_FOUND, USAGE
from consent.domain.entry import Action
from tests.cli.desk import Desk
from tests.cli.test_commands import Ran, consentry, refused
from tests.services.house import Template


@pytest.fixture
def desk(template: Template, tmp_path: Path) -> Desk:
    """A closed installation."""
    return Desk.copied(template, tmp_path / "home")


def drawn(folder: Path, name: str = "kidney-team") -> Path:
    """Draw a key; return the file of the public one."""
    public = folder / f"{name}-{len(list(folder.iterdir()))}.jwk"
    public.write_text(consentry("client-key", public.with_suffix(".key"), "--client", name).stdout)
    return public


def registered(desk: Desk, folder: Path) -> tuple[Ran, Path]:
    """Register a researcher's client."""
    jwk = drawn(folder)
    told = ("--role", "researcher", "--title", "The kidney team's notebook", "--jwk", jwk)
    return desk.done("client register", "kidney-team", *told), jwk


def listed(desk: Desk, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(desk.done(f"{what} list", "--json").stdout)
    return found


def test_a_drawn_key_lies_in_a_file_that_only_its_owner_reads_and_the_public_one_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "researcher.key"
    ran = consentry("client-key", file, "--client", "kidney-team", "--api", "https://api.hospital.example")
    public, kept = json.loads(ran.stdout), json.loads(file.read_text())
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert set(public) == {"kty", "crv", "x", "kid"}
    assert JoseAssertions.drawn().public_key(public).kid == public["kid"]
    assert (kept["client"], kept["api"]) == ("kidney-team", "https://api.hospital.example")
    assert kept["key"] == public | {"d": kept["key"]["d"]}
    assert kept["key"]["d"] not in ran.stdout + ran.stderr


def test_a_key_file_is_never_written_over(tmp_path: Path) -> None:
    drawn(tmp_path)
    [file] = tmp_path.glob("*.key")
    before = file.read_bytes()
    refused(consentry("client-key", file, "--client", "kidney-team"), USAGE, "a file is there already")
    assert file.read_bytes() == before


def test_a_client_is_registered_allowed_listed_and_ended(desk: Desk, tmp_path: Path) -> None:
    ran, jwk = registered(desk, tmp_path)
    kid = json.loads(jwk.read_text())["kid"]
    assert ran.stdout == kid
    desk.done("client allow", "kidney-team", "kidneys")
    [client] = listed(desk, "client")
    assert (client["client"], client["role"], client["stands"]) == ("kidney-team", "researcher", True)
    assert client["studies"] == ["kidneys"]
    assert [(key["kid"], key["stands"]) for key in client["keys"]] == [(kid, True)]
    shown = desk.done("client list").stdout
    assert all(word in shown for word in ("kidney-team", "researcher", "kidneys", kid))
    desk.done("client forbid", "kidney-team", "kidneys")
    assert listed(desk, "client")[0]["studies"] == []
    desk.done("client revoke", "kidney-team")
    assert listed(desk, "client")[0]["stands"] is False
    assert "researcher, revoked" in desk.done("client list").stdout


def test_one_key_is_added_and_one_revoked(desk: Desk, tmp_path: Path) -> None:
    _, jwk = registered(desk, tmp_path)
    kid = desk.done("client key", "kidney-team", "--jwk", drawn(tmp_path)).stdout
    desk.done("client revoke", "kidney-team", "--kid", json.loads(jwk.read_text())["kid"])
    [client] = listed(desk, "client")
    assert client["stands"]
    assert {key["kid"]: key["stands"] for key in client["keys"]} == {
        kid: True,
        json.loads(jwk.read_text())["kid"]: False,
    }


def test_a_kid_may_begin_with_a_hyphen(desk: Desk, tmp_path: Path) -> None:
    registered(desk, tmp_path)
    refused(desk.run("client revoke", "kidney-team", "--kid", "-" + "A" * 42), NOT_FOUND, "no key of this client")


def test_a_private_key_is_refused_and_never_repeated(desk: Desk, tmp_path: Path) -> None:
    drawn(tmp_path)
    [private] = tmp_path.glob("*.key")
    secret = json.loads(private.read_text())["key"]["d"]
    ran = desk.run("client register", "kidney-team", "--role", "researcher", "--title", "A", "--jwk", private)
    refused(ran, USAGE, "this file holds a private key: keep it")
    assert secret not in ran.stdout + ran.stderr
    assert listed(desk, "client") == []


@pytest.mark.parametrize("written", ["", "{", "[]", "[" * 2000, "{}", '{"kty": "RSA"}', "x" * 5000, "\ud800"])
def test_a_file_that_is_no_key_is_refused(desk: Desk, tmp_path: Path, written: str) -> None:
    file = tmp_path / "key.jwk"
    file.write_bytes(written.encode("utf-8", "surrogatepass"))
    ran = desk.run("client register", "kidney-team", "--role", "researcher", "--title", "A", "--jwk", file)
    refused(ran, USAGE, "key")
    assert listed(desk, "client") == []


def test_who_and_what_is_not_there_is_said(desk: Desk, tmp_path: Path) -> None:
    refused(desk.run("client allow", "nobody", "kidneys"), NOT_FOUND, "no client of this name")
    _, jwk = registered(desk, tmp_path)
    refused(desk.run("client allow", "kidney-team", "lungs"), NOT_FOUND, "no such study")
    refused(desk.run("client forbid", "kidney-team", "kidneys"), NOT_FOUND, "no member")
    again = ("--role", "researcher", "--title", "A", "--jwk", jwk)
    refused(desk.run("client register", "kidney-team", *again), USAGE, "choose another name")
    refused(desk.run("client register", "bob", *again), USAGE, "registered before")
    for role in ("operator", "auditor", "nobody"):
        refused(desk.run("client register", "bob", "--role", role, "--title", "A", "--jwk", jwk), USAGE, "clinician")
    refused(desk.run("staff invite", "bob", "--role", "researcher"), USAGE, "operator or auditor")
    refused(desk.run("staff remove", "bob"), NOT_FOUND, "nobody of this name")


def test_the_staff_are_invited_with_a_code_listed_and_removed(desk: Desk) -> None:
    assert "Nobody is on the staff" in desk.done("staff list").stdout
    ran = desk.done("staff invite", "records-office", "--role", "operator")
    assert len(ran.stdout) == 24
    assert "http://api.localhost:8001/staff" in ran.stderr
    assert ran.stdout not in ran.stderr
    [member] = listed(desk, "staff")
    assert (member["name"], member["role"]) == ("records-office", "operator")
    assert (member["stands"], member["passkeys"]) == (True, 0)
    desk.done("staff remove", "records-office")
    assert "operator, removed" in desk.done("staff list").stdout
    refused(desk.run("staff invite", "records-office", "--role", "operator"), USAGE, "was removed")


def test_what_was_done_here_verifies_without_any_key(desk: Desk, tmp_path: Path) -> None:
    registered(desk, tmp_path)
    desk.done("client allow", "kidney-team", "kidneys")
    desk.done("staff invite", "records-office", "--role", "auditor")
    desk.ledger()
    assert desk.run("verify").returncode == 0
    with wiring.opened_for_audit(desk.home) as room, room.store.reading() as unit:
        bodies = [json.loads(entry.body) for entry in unit.log.entries()]
    assert [body["verdict"] for body in bodies if body["action"] in {Action.CLIENT, Action.STAFF}] == [
        "REGISTERED",
        "ALLOWED",
        "INVITED",
    ]
