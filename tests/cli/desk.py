"""An operator's desk for tests: a closed installation, the command line, and the ledger's process when it may run."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from consent.domain.request_file import RequestFile
from consent.domain.subject_request import SubjectRequest
from consent.domain.terms import SubjectId
from consent.wiring import Places, read_identity
from tests.cli.test_commands import Ran, consentry
from tests.databases import databases_of
from tests.services.house import PASSPHRASE, House, Template, identifier_of

OPERATORS: Final = ("privacy-office", "records-office")


@dataclass(frozen=True, slots=True)
class Desk:
    """One installation, and what its operators keep beside it."""

    home: Path
    template: Template
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, home: Path, template: Template) -> Self:
        """Sit down at a closed installation."""
        (home / "operator" / "passphrase").write_bytes(PASSPHRASE + b"\n")
        there = databases_of(home)
        urls = {"CONSENTRY_RECORDS": there.records, "CONSENTRY_KEYS": there.keys} if there.records else {}
        return cls(home, template, urls)

    @classmethod
    def copied(cls, template: Template, home: Path) -> Self:
        """Sit down at a copy."""
        with House.copied(template, home):
            pass
        return cls.at(home, template)

    def run(self, command: str, *arguments: object, **environment: str) -> Ran:
        """Run a command on the installation."""
        return consentry(*command.split(), self.home, *arguments, **{**self.environment, **environment})

    def done(self, command: str, *arguments: object, **environment: str) -> Ran:
        """Run a command that must do what it is told."""
        ran = self.run(command, *arguments, **environment)
        assert ran.returncode == 0, ran.stderr
        return ran

    def ledger(self) -> None:
        """Let the ledger's process run until erasures wait for something else."""
        with House.opened(self.home, self.template.wallets) as house:
            house.anchor()
            house.open.keep_house()

    def subject(self, number: int) -> SubjectId:
        """Return whom the template invented as the so-manieth."""
        return list(self.template.wallets)[number]

    def register_operators(self) -> None:
        """Register two operators, whose key files lie on the desk."""
        for name in OPERATORS:
            self._passphrase(name).write_text(f"the word of {name}\n")
            key = consentry("operator", "new", self._key(name), "--passphrase-file", self._passphrase(name)).stdout
            self.done("operator add", name, key)

    def requested(self, action: str, number: int) -> Path:
        """Have a request printed, and keep it in a file."""
        file = self.home.parent / f"{action}-{number}-{os.urandom(4).hex()}.json"
        file.write_text(self.done("local request", action, "--identifier", identifier_of(number)).stdout)
        return file

    def approved(self, action: str, number: int) -> Path:
        """Have a request printed and approved by both operators."""
        file = self.requested(action, number)
        for name in OPERATORS:
            key = ("--key", self._key(name), "--passphrase-file", self._passphrase(name))
            assert consentry("approve", file, "--operator", name, *key).returncode == 0
        return file

    def signed(self, action: str, number: int) -> Path:
        """Have a request printed and signed by the patient's wallet."""
        file = self.requested(action, number)
        asked = RequestFile.from_json(json.loads(file.read_text()))
        assert isinstance(asked.request, SubjectRequest)
        domain = read_identity(Places(self.home).public).domain
        signature = self.template.wallets[asked.request.subject].request(asked.request, domain)
        file.write_text(json.dumps(replace(asked, authorisation=signature).to_json()))
        return file

    def _key(self, name: str) -> Path:
        return self.home.parent / f"{name}.key"

    def _passphrase(self, name: str) -> Path:
        return self.home.parent / f"{name}.passphrase"
