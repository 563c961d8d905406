"""Certificates at the command line: cosignatures of enough signers are kept with an entry, and nothing else is."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from consent.cli.errors import NOT_VERIFIED, REFUSED, USAGE
from consent.domain.checkpoint import Checkpoint
from consent.domain.note import unverified_text
from consent.domain.typed_data import Address
from consent.verifier.certificate import AnchorContract, Certificate, verify_certificate
from consent.verifier.policy import read_signers
from consent.wiring import opened_for_audit, read_identity
from tests.cli.test_commands import consentry, refused
from tests.services.house import PASSPHRASE, House, Template

CONTRACT: Final = AnchorContract(4137, Address(b"\x07" * 20))
ANCHOR: Final = "4137:0x" + "07" * 20
SIGNERS: Final = {"north": "hospitals", "ward patients": "patients"}
CHAIN: Final = (
    f'[chain]\nid = 4137\nregistry = "0x{"11" * 20}"\nmodels = "0x{"22" * 20}"\nanchor = "0x{"07" * 20}"\n'
    'view = "nobody reads it here.json"\n'
)


def checkpointed(template: Template, home: Path) -> str:
    """Make an installation in which one person consented, differently each time; return its signed checkpoint."""
    with House.copied(template, home) as house:
        house.grant(house.people[0])
        with house.open.store.begin() as unit:
            note = house.open.log.checkpoint(unit)
    (home / "operator" / "passphrase").write_bytes(PASSPHRASE + b"\n")
    return note


class Signed:
    """An installation with one signed checkpoint, and two signers with their cosignatures of it."""

    def __init__(self, template: Template, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.note = checkpointed(template, self.home)
        self.identity = read_identity(self.home / "installation.json")
        (folder / "checkpoint.txt").write_text(self.note)
        registrations = [self._drawn(name, group) for name, group in SIGNERS.items()]
        log = f'[log]\norigin = "{self.identity.origin}"\nkeys = ["{self.identity.log_key}"]\n'
        signers = "[signers]\nversion = 5\ngroups = {hospitals = 1, patients = 1}\n"
        self.policy = folder / "auditor.toml"
        self.policy.write_text("version = 1\n" + log + CHAIN + signers + "".join(registrations))
        self.files = {name: self._cosigned(name) for name in SIGNERS}

    def _drawn(self, name: str, group: str) -> str:
        log = ("--log-key", self.identity.log_key, "--origin", self.identity.origin)
        ran = consentry("witness", "init", self.folder / f"{name}.state", "--name", name, "--group", group, *log)
        assert ran.returncode == 0, ran.stderr
        # `consentry` joins what is printed to one line; TOML wants four.
        return re.sub(r" (name|group|key|proof) =", r"\n\1 =", ran.stdout) + "\n"

    def _cosigned(self, name: str) -> Path:
        ran = consentry(
            "witness", "sign", self.folder / f"{name}.state", self.folder / "checkpoint.txt", "--anchor", ANCHOR
        )
        assert ran.returncode == 0, ran.stderr
        file = self.folder / f"{name}.json"
        file.write_text(ran.stdout)
        return file

    def certify(self, *files: Path) -> Any:
        """Run the command over these cosignatures."""
        return consentry("certify", self.home, self.policy, *files)

    def altered(self, signer: str, **changed: object) -> Path:
        """Write a signer's cosignature with other members."""
        file = self.folder / "altered.json"
        file.write_text(json.dumps(json.loads(self.files[signer].read_text()) | changed))
        return file

    def kept(self) -> tuple[list[Any], list[dict[str, Any]]]:
        """Return the certificates and the entries about them."""
        with opened_for_audit(self.home) as room, room.store.reading() as unit:
            entries = [json.loads(entry.body) for entry in unit.log.entries()]
            certified = [entry for entry in entries if entry["action"] == "certify"]
            return list(unit.certificates.everything()), certified


@pytest.fixture(scope="module")
def signed(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """Signed once: a signature takes 0.2 s."""
    return Signed(template, tmp_path_factory.mktemp("signed"))


def test_nothing_is_kept_of_what_is_no_quorum_or_not_of_these_signers(signed: Signed) -> None:
    north, ward = signed.files.values()
    spoilt = signed.altered("north", signature=json.loads(ward.read_text())["signature"])
    refused(signed.certify(north), NOT_VERIFIED, "too few signers of a group")
    refused(signed.certify(spoilt, ward), NOT_VERIFIED, "cosignature 1 does not hold")
    refused(signed.certify(signed.altered("north", origin="consentry/another")), REFUSED, "another log")
    refused(signed.certify(signed.policy), NOT_VERIFIED, "no JSON")
    assert signed.kept() == ([], [])


def test_a_policy_without_signers_certifies_nothing(signed: Signed, tmp_path: Path) -> None:
    policy = tmp_path / "auditor.toml"
    policy.write_text(signed.policy.read_text().split("[chain]")[0])
    refused(consentry("certify", signed.home, policy, *signed.files.values()), USAGE, "has no signers")


def test_a_checkpoint_that_this_log_did_not_sign_is_not_certified(
    signed: Signed, template: Template, tmp_path: Path
) -> None:
    other = checkpointed(template, tmp_path / "home")
    assert other.split("\n")[:2] == signed.note.split("\n")[:2]  # the same log and size
    ran = consentry("certify", tmp_path / "home", signed.policy, *signed.files.values())
    refused(ran, REFUSED, "this log signed no such checkpoint")


def test_a_quorum_s_certificate_is_kept_with_an_entry_and_verifies(signed: Signed) -> None:
    ran = signed.certify(*reversed(signed.files.values()))
    assert ran.returncode == 0, ran.stderr
    [stored], [entry] = signed.kept()
    policy, contract, _ = read_signers(signed.policy)
    checkpoint = Checkpoint.from_text(unverified_text(signed.note))
    certificate = Certificate(stored.version, stored.bitmap, stored.signature)
    assert verify_certificate(certificate, checkpoint, contract, policy) == policy.signers
    assert Certificate.from_json(json.loads(json.dumps(certificate.to_json()))) == certificate
    assert entry["verdict"] == "CERTIFIED"
    assert entry["facts"] == {"size": checkpoint.size, "version": 5, "signers": list(SIGNERS)}
    assert entry["actor"] == "operator"
