"""Where the parts of an installation lie, and its small files.

home/
installation.json     tenant, log origin and public key, chain and registry: nothing secret
records.sqlite        sealed records, log, projection, outbox, jobs, consents, studies
keys.sqlite           wrapped patient keys
chain.sqlite          the embedded chain, or
deployment.json       where the contracts stand on the chain of a node
operator/             what only the operator holds: root key, chain keys, log key, epoch keys
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from consent.adapters.chain_keys import ChainKeys
from consent.adapters.deployments import deployment_from_json
from consent.adapters.registries import Deployment
from consent.domain.errors import ConsentError, LedgerMismatchError
from consent.domain.identity import Identity, InvalidIdentityError


class InstallationError(ConsentError):
    """The folder is not what was asked for: make an installation first, or name another folder."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of an installation lie."""

    home: Path

    @property
    def public(self) -> Path:
        """What anyone may know of the installation."""
        return self.home / "installation.json"

    @property
    def records(self) -> Path:
        """The records database."""
        return self.home / "records.sqlite"

    @property
    def keys(self) -> Path:
        """The keys database."""
        return self.home / "keys.sqlite"

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
    def log_key(self) -> Path:
        """The log's signing key, under the passphrase."""
        return self.operator / "log-key"


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


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a new file for its owner's eyes, whole and on disk before it has its name."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
