"""Where the parts of an installation lie, and its small files.

home/
installation.json     tenant, log origin and public key, chain and registry: nothing secret
records.sqlite        sealed records, log, projection, outbox, jobs, consents, studies; or where CONSENTRY_RECORDS says
keys.sqlite           wrapped patient keys; or where CONSENTRY_KEYS says
chain.sqlite          the embedded chain, or
deployment.json       where the contracts stand on the chain of a node
operator/             what only the operator holds: root key, chain keys, log key, epoch keys, stop list, log archive
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consent.adapters.chain_keys import ChainKeys
from consent.adapters.deployments import Deployment, deployment_from_json
from consent.domain.errors import ConsentError, LedgerMismatchError
from consent.domain.identity import Identity, InvalidIdentityError
from consent.settings import FILES, Databases
from vault.sql import sqlite_path

RECORDS_FILE: Final = "records.sqlite"
KEYS_FILE: Final = "keys.sqlite"


class InstallationError(ConsentError):
    """The folder is not what was asked for: make an installation first, or name another folder."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of an installation lie."""

    home: Path
    databases: Databases = FILES

    @property
    def public(self) -> Path:
        """What anyone may know of the installation."""
        return self.home / "installation.json"

    @property
    def records(self) -> Path | str:
        """The records database: a file, or a URL that must not be shown."""
        return self.databases.records or self.home / RECORDS_FILE

    @property
    def keys(self) -> Path | str:
        """The keys database: a file, or a URL that must not be shown."""
        return self.databases.keys or self.home / KEYS_FILE

    @property
    def chain(self) -> Path:
        """The embedded chain."""
        return self.home / "chain.sqlite"

    @property
    def deployment(self) -> Path:
        """Where the contracts stand, for a chain that a node serves."""
        return self.home / "deployment.json"

    @property
    def operator(self) -> Path:
        """The operator's own folder."""
        return self.home / "operator"

    @property
    def root_key(self) -> Path:
        """R, under the passphrase."""
        return self.operator / "root-key.json"

    @property
    def chain_keys(self) -> Path:
        """The chain's keys."""
        return self.operator / "chain-keys.json"

    @property
    def next_chain_keys(self) -> Path:
        """The chain's keys with a new one among them, while a role is handed over."""
        return self.operator / "chain-keys.next.json"

    @property
    def rows_adopted(self) -> Path:
        """Says that rows of an earlier version were given their MACs, so that none is ever again."""
        return self.operator / "rows-adopted"

    @property
    def log_key(self) -> Path:
        """The log's signing key, under the passphrase."""
        return self.operator / "log-key"

    @property
    def log_archive(self) -> Path:
        """A second copy of the log, as far as it was signed."""
        return self.operator / "log-archive"

    @property
    def stops(self) -> Path:
        """The stop list: without it nothing serves."""
        return self.operator / "stops"


def is_absent(part: Path | str) -> bool:
    """Say whether a part's file is missing. A server's database is not: it tells by itself when it is opened."""
    path = sqlite_path(part)
    return path is not None and not path.is_file()


def read_chain_keys(places: Places, path: Path | None = None) -> ChainKeys:
    """Read the four roles' keys; raise `InstallationError` when they are missing or damaged."""
    try:
        return ChainKeys.from_json(json.loads((path or places.chain_keys).read_bytes()))
    except (OSError, ValueError) as error:
        raise InstallationError("the chain's keys are missing or damaged: restore operator/chain-keys.json") from error


def read_deployment(path: Path) -> Deployment:
    """Read `deployment.json`; raise `InstallationError` on anything but what `consentry deploy` writes."""
    try:
        return deployment_from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, LedgerMismatchError) as error:
        raise InstallationError("deployment.json is damaged: restore it from a copy") from error


def read_identity(path: Path) -> Identity:
    """Read `installation.json`, an installation's own or an auditor's copy; raise `InstallationError`."""
    try:
        return Identity.from_json(json.loads(path.read_bytes()))
    except OSError as error:
        raise InstallationError(
            "no installation is in this folder: `consentry init` or `make demo` makes one"
        ) from error
    except (ValueError, InvalidIdentityError) as error:
        raise InstallationError("installation.json is damaged: restore it from a copy") from error


def make_folders(places: Places) -> None:
    """Make the installation's folder and the operator's, mode 0700; one of the installation that is there stays."""
    places.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    places.operator.mkdir(mode=0o700, exist_ok=True)
    places.operator.chmod(0o700)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file for its owner's eyes, whole and on disk before it has its name."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
