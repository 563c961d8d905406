"""Stopping, deploying and running the ledger from the command line, in real processes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consent import wiring
from consent.adapters.chain_keys import ChainKeys
from consent.cli.errors import BROKEN, NOT_FOUND, NOT_VERIFIED, USAGE
from consent.domain.history import Revoked
from consent.ports import Role
from consent.services.auditing import audit_chain
from tests.anvil import Anvil
from tests.cli.test_commands import consentry, refused
from tests.journeys.test_demo import COMMAND
from tests.services.house import PASSPHRASE, House, Template, settings_of


@pytest.fixture
def home(template: Template, tmp_path: Path) -> Path:
    """An installation in which three people consent and nothing is on the chain yet."""
    home = tmp_path / "home"
    with House.copied(template, home) as house:
        house.grant(*house.people[:3])
    (home / "operator" / "passphrase").write_bytes(PASSPHRASE)
    return home


@contextmanager
def running(home: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command until the block ends, then tell it to stop."""
    settings = os.environ | {"CONSENTRY_PUBLICATION_WINDOW": "0"} | environment
    command = [*COMMAND, arguments[0], str(home), *arguments[1:]]
    with subprocess.Popen(command, env=settings, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)


def eventually(what: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def revoked(home: Path, rpc: str = "") -> int:
    with wiring.opened_for_audit(home, rpc) as room:
        return sum(isinstance(event, Revoked) for event in audit_chain(room.ledger)[0].events)


def test_a_stop_acts_without_the_ledger_and_the_ledger_follows(home: Path, template: Template) -> None:
    subject = list(template.wallets)[1]
    stopped = consentry("stop", home, "--subject", subject, CONSENTRY_PUBLICATION_WINDOW="0")
    assert stopped.returncode == 0, stopped.stderr
    [receipt] = [json.loads(line) for line in stopped.stdout.splitlines()]
    assert (receipt["action"], receipt["by"], receipt["subject"]) == ("stop", "operator", subject)
    assert "stopped" in consentry("consents", home, "--subject", subject).stdout
    receipts = home / "receipt.jsonl"
    receipts.write_text(stopped.stdout)
    with running(home, "ledger"):
        eventually(lambda: revoked(home) == 1)
    verified = consentry("verify", home, "--receipts", receipts)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_person_is_found_by_the_hospitals_own_identifier(home: Path, template: Template) -> None:
    listed = consentry("consents", home, "--identifier", "https://hospital.example|0")
    assert listed.returncode == 0, listed.stderr
    assert "kidneys" in listed.stdout
    first = next(iter(template.wallets))
    assert first not in listed.stdout
    refused(consentry("stop", home, "--identifier", "https://hospital.example|no one"), NOT_FOUND, "no such person")
    refused(consentry("stop", home, "--subject", "nobody"), NOT_FOUND, "no such person")
    refused(consentry("stop", home, "--subject", first, "--consent", "x"), NOT_FOUND, "no such consent")


def test_the_ledger_publishes_what_waits_and_ends_when_told(home: Path) -> None:
    with running(home, "ledger") as child:
        eventually(lambda: not waiting(home))
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=20)
    assert child.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["items"] for line in lines if line["event"] == "batch final"] == [3]
    assert {line["process"] for line in lines} == {"ledger"}


def waiting(home: Path) -> int:
    with wiring.opened(settings_of(home)) as installation, installation.store.reading() as unit:
        return unit.outbox.size()


def test_everything_runs_on_a_node_that_was_deployed_to(tmp_path: Path, anvil: Anvil) -> None:
    home, passphrase = tmp_path / "home", tmp_path / "passphrase"
    passphrase.write_bytes(PASSPHRASE)
    settings = {
        "CONSENTRY_PASSPHRASE_FILE": str(passphrase),
        "CONSENTRY_RPC": anvil.url,
        "CONSENTRY_CONFIRMATIONS": "0",
    }
    refused(consentry("deploy", home, "--rpc", anvil.url), BROKEN, "fund them")
    keys = keys_of(home)
    for role in Role:
        anvil.set_balance(keys.address(role), 10**20)
    deployed = consentry("deploy", home, "--rpc", anvil.url)
    assert deployed.returncode == 0, deployed.stderr
    assert consentry("init", home, **settings).returncode == 0
    with running(home, "ledger", **settings):
        eventually(lambda: consentry("verify", home, "--rpc", anvil.url).returncode == 0)
    refused(consentry("deploy", home, "--rpc", anvil.url), NOT_FOUND, "has a chain already")
    refused(consentry("ledger", home, **(settings | {"CONSENTRY_RPC": ""})), USAGE, "CONSENTRY_RPC")
    _another_chain(home, settings)


def _another_chain(home: Path, settings: dict[str, str]) -> None:
    """A node on another chain, or without these contracts, is refused at every start."""
    with Anvil(home.parent / "other") as other:
        refused(consentry("ledger", home, **(settings | {"CONSENTRY_RPC": other.url})), NOT_VERIFIED, "another chain")
    deployment = json.loads((home / "deployment.json").read_text())
    for name, wrong in (("address", "0x" + "11" * 20), ("code_hash", "0x" + "22" * 32)):
        altered = json.loads(json.dumps(deployment))
        altered["contracts"]["log_anchor"][name] = wrong
        (home / "deployment.json").write_text(json.dumps(altered))
        refused(consentry("ledger", home, **settings), NOT_VERIFIED, "code is not what was deployed")
    (home / "deployment.json").write_text("{}")
    refused(consentry("ledger", home, **settings), NOT_FOUND, "deployment.json is damaged")


@pytest.mark.parametrize("role", Role)
def test_a_role_goes_to_a_new_key_and_everything_goes_on(home: Path, template: Template, role: Role) -> None:
    before = keys_of(home)
    rotated = consentry("rotate", home, role.value)
    assert rotated.returncode == 0, rotated.stderr
    assert {one for one in Role if keys_of(home).of(one) != before.of(one)} == {role}
    assert consentry("rotate", home, role.value).returncode == 0, "and again"
    with House.opened(home, template.wallets) as house:
        house.publish()
        house.stop(house.people[0])
        house.publish()
        assert house.state().outbox == 0
        assert house.open.anchoring.step(int(house.clock().timestamp()))
        assert [e["facts"]["role"] for e in house.log() if e.get("verdict") == "KEY_REPLACED"] == [role.value] * 2
    (home / "operator" / "chain-keys.json").write_text(json.dumps(before.to_json()))
    if role is not Role.RELAYER:
        refused(consentry("ledger", home), NOT_VERIFIED, "roles belong to other keys")


def test_a_change_of_keys_that_was_cut_short_is_finished_by_doing_it_again(home: Path) -> None:
    before, kept = keys_of(home), (home / "operator" / "chain-keys.json").read_bytes()
    assert consentry("rotate", home, "custodian").returncode == 0
    new = (home / "operator" / "chain-keys.json").read_bytes()
    (home / "operator" / "chain-keys.json").write_bytes(kept)
    (home / "operator" / "chain-keys.next.json").write_bytes(new)
    refused(consentry("rotate", home, "anchor"), USAGE, "finish it first")
    assert consentry("rotate", home, "custodian").returncode == 0
    assert (home / "operator" / "chain-keys.json").read_bytes() == new
    assert keys_of(home).custodian != before.custodian
    refused(consentry("rotate", home, "owner"), USAGE, "a role is")


def keys_of(home: Path) -> ChainKeys:
    return ChainKeys.from_json(json.loads((home / "operator" / "chain-keys.json").read_bytes()))


def test_the_log_is_anchored_when_somebody_asks(home: Path) -> None:
    asked = consentry("anchor", home)
    assert asked.returncode == 0, asked.stderr
    assert "consentry ledger" in asked.stdout
    with running(home, "ledger"):
        waited = consentry("anchor", home, "--wait")
    assert waited.returncode == 0, waited.stderr
    with wiring.opened_for_audit(home) as room, room.store.reading() as unit:
        assert room.ledger.anchored().size == unit.log.size()
        assert f"the first {unit.log.size():,} entries" in " ".join(waited.stdout.split())


def test_nothing_is_anchored_where_no_installation_is(tmp_path: Path) -> None:
    refused(consentry("anchor", tmp_path), NOT_FOUND, "no installation")
