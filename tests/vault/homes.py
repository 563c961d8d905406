"""A vault in a folder, as a deployment has it, but with a passphrase that is cheap to stretch."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine

from tests.databases import Kind, copy_databases, give_databases, keys_engine, migrated_file, records_engine
from vault import (
    Access,
    Admission,
    Admitted,
    Cost,
    Deposit,
    Deposited,
    KeyTree,
    Opening,
    PassphraseFile,
    Refused,
    Vault,
    open_keys,
)

PASSPHRASE = b"correct horse"
CHEAP = Cost(iterations=1, lanes=1, memory_kib=8)
LAB, DRUGS = "laboratory", "medication"
ACCESS = Access("study:sepsis", "sepsis", "train", frozenset({LAB}), frozenset({DRUGS}))


@dataclass
class ListedGate:
    """Admits what it was given, in the exact answer it was given; remembers what it was asked."""

    answers: dict[str, Admitted | Refused]
    asked: list[tuple[Sequence[str], Access]] = field(default_factory=list)

    def admit(self, subjects: Sequence[str], access: Access) -> Admission:
        """Answer from the list, whether asked for or not."""
        self.asked.append((subjects, access))
        return self.answers


def admitted(*categories: str) -> Admitted:
    """Return an admission to categories, for all time."""
    return Admitted(frozenset(categories), None, None, bytes(32))


def open_gate(*subjects: str) -> ListedGate:
    """Return a gate that lets these subjects through to both categories."""
    return ListedGate(dict.fromkeys(subjects, admitted(LAB, DRUGS)))


def _plain(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}")


@dataclass(frozen=True)
class Home:
    """Where one vault lies; opening it again is what a new start of the program does."""

    folder: Path
    tenant: str = "here"

    @classmethod
    def create(cls, folder: Path, tenant: str = "here", kind: Kind = "sqlite") -> "Home":
        """Make a vault in an empty folder."""
        home = cls(folder, tenant)
        folder.mkdir(exist_ok=True)
        give_databases(folder, kind)
        if kind == "sqlite":
            shutil.copy(migrated_file("records", _plain), folder)
            shutil.copy(migrated_file("keys", open_keys), folder)
        KeyTree.create(home.keys(), PassphraseFile.create(home.root, PASSPHRASE, CHEAP), home.replicas, tenant)
        return home

    @property
    def root(self) -> Path:
        """The file of the root key."""
        return self.folder / "root.json"

    @property
    def replicas(self) -> tuple[Path, Path]:
        """The replica folders."""
        return self.folder / "a", self.folder / "b"

    def records(self) -> Engine:
        """Open the records database."""
        return records_engine(self.folder) or _plain(self.folder / "records.sqlite")

    def keys(self) -> Engine:
        """Open the keys database."""
        return keys_engine(self.folder) or open_keys(self.folder / "keys.sqlite")

    def tree(self) -> KeyTree:
        """Open the key tree."""
        return KeyTree.open(self.keys(), PassphraseFile.open(self.root, PASSPHRASE), self.replicas, self.tenant)

    def vault(self) -> Vault:
        """Open the vault."""
        return Vault(self.tenant, self.tree())

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction on the records."""
        with self.records().begin() as connection:
            yield connection

    def deposit(self, *deposits: Deposit) -> list[str]:
        """Enrol who is named and deposit in one transaction; return the record ids."""
        return [deposited.record_id for deposited in self.deposited(*deposits)]

    def deposited(self, *deposits: Deposit) -> list[Deposited]:
        """Enrol who is named and deposit in one transaction; say what became of each."""
        vault = self.vault()
        vault.enrol([deposit.subject for deposit in deposits])
        with self.writing() as connection:
            return vault.deposit(connection, deposits)

    def read(self, *subjects: str) -> list[Opening]:
        """Read everything of these subjects."""
        with self.writing() as connection:
            return list(self.vault().read(connection, open_gate(*subjects), ACCESS, subjects))

    def copy(self, folder: Path) -> "Home":
        """Copy the whole folder, keys and all."""
        shutil.copytree(self.folder, folder)
        copy_databases(self.folder, folder)
        return Home(folder, self.tenant)

    def databases_into(self, other: "Home") -> None:
        """Put copies of both databases in the place of another's."""
        copy_databases(self.folder, other.folder)
        for name in [path.name for path in self.folder.glob("*.sqlite")]:
            shutil.copy(self.folder / name, other.folder / name)
