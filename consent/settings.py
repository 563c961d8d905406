"""The one reader of the environment.

| variable | meaning |
| --- | --- |
| `CONSENTRY_PASSPHRASE_FILE` | file whose first line opens the keys; where unset, `operator/passphrase` |
| `CONSENTRY_REPLICAS` | two or more folders for copies of the epoch key, separated by `:`; best on different disks |
| `CONSENTRY_MAX_STALENESS` | seconds without a fresh reading of the ledger after which every access is refused (120) |
| `CONSENTRY_PUBLICATION_WINDOW` | seconds over which what patients sign is spread on its way to the chain (21600) |
| `CONSENTRY_EPOCH_EVERY` | seconds from one scheduled turn of the epoch to the next at the least (86400) |
| `CONSENTRY_REPLICA_DELAY` | seconds for which snapshots of a replica folder outlive what was in it (0) |
| `CONSENTRY_BACKUPS` | folder for backups, best on another disk; where unset, `backups` in the installation's folder |
| `CONSENTRY_RECORDS` | the records database's URL, `postgresql://…` or `sqlite:///…`; unset, the folder's own file |
| `CONSENTRY_KEYS` | the keys database's URL, which is another one; unset, the folder's own file |
| `CONSENTRY_RPC` | where an installation on a node finds it: an `http` or `https` URL |
| `CONSENTRY_CONFIRMATIONS` | after how many blocks one is final there; unset, what the node itself calls finalized |
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from consent.domain.errors import ConsentError
from consent.domain.publication import LONGEST_WINDOW


class SettingsError(ConsentError):
    """A setting is missing or cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Databases:
    """Where an installation's two databases are, by URL, which may hold a password and is never repeated.

    Where one is empty, that database is a file in the installation's folder.
    """

    records: str = field(default="", repr=False)
    keys: str = field(default="", repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings of both, for a process that needs no secret but these; raise `SettingsError`."""
        records, keys = (_database(environment, f"CONSENTRY_{name}") for name in ("RECORDS", "KEYS"))
        if records and records == keys:
            raise SettingsError("CONSENTRY_RECORDS and CONSENTRY_KEYS are one database: name two, kept apart")
        return cls(records, keys)


FILES: Final = Databases()
"""Both databases are files in the installation's folder."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where one installation lives and what opens it."""

    home: Path
    passphrase: bytes = field(repr=False)
    replicas: tuple[Path, ...]
    max_staleness: int = 120
    publication_window: int = 0
    epoch_every: int = 24 * 3600
    replica_delay: int = 0
    backups: Path | None = None
    rpc: str = field(default="", repr=False)
    confirmations: int | None = None
    databases: Databases = FILES

    @classmethod
    def read(cls, home: Path, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings of the installation in `home`; raise `SettingsError` for what is missing or wrong."""
        named = environment.get("CONSENTRY_REPLICAS", "")
        replicas = tuple(Path(name) for name in named.split(":") if name) or default_replicas(home)
        confirmations = environment.get("CONSENTRY_CONFIRMATIONS", "")
        return cls(
            home=home,
            passphrase=_passphrase(home, environment),
            replicas=replicas,
            max_staleness=max_staleness(environment),
            publication_window=_whole(environment, "CONSENTRY_PUBLICATION_WINDOW", 6 * 3600, LONGEST_WINDOW),
            epoch_every=_whole(environment, "CONSENTRY_EPOCH_EVERY", 24 * 3600),
            replica_delay=_whole(environment, "CONSENTRY_REPLICA_DELAY", 0),
            backups=Path(environment.get("CONSENTRY_BACKUPS") or home / "backups"),
            rpc=_rpc(environment),
            confirmations=_whole(environment, "CONSENTRY_CONFIRMATIONS", 0) if confirmations else None,
            databases=Databases.read(environment),
        )


def max_staleness(environment: Mapping[str, str] = os.environ) -> int:
    """Return `CONSENTRY_MAX_STALENESS`, for a process that needs no secret."""
    return _whole(environment, "CONSENTRY_MAX_STALENESS", 120)


def _whole(environment: Mapping[str, str], name: str, default: int, most: int = 2**31) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < len(str(2**31)) and int(text) <= most):
        raise SettingsError(f"{name} is a whole number, at most {most}: correct it")
    return int(text)


def _rpc(environment: Mapping[str, str]) -> str:
    """Return the node's URL, which may hold a key of its provider and so is never repeated."""
    url = environment.get("CONSENTRY_RPC", "")
    if url and not url.startswith(("http://", "https://")):
        raise SettingsError("CONSENTRY_RPC is an http or https URL: correct it")
    return url


def _database(environment: Mapping[str, str], name: str) -> str:
    url = environment.get(name, "")
    if url and not url.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise SettingsError(f"{name} is a URL that begins with postgresql:// or sqlite:///: correct it")
    return url


def default_replicas(home: Path) -> tuple[Path, ...]:
    """Two folders beside the databases: enough to try things out, not for a deployment."""
    return (home / "operator" / "epoch-a", home / "operator" / "epoch-b")


def _passphrase(home: Path, environment: Mapping[str, str]) -> bytes:
    path = Path(environment.get("CONSENTRY_PASSPHRASE_FILE") or home / "operator" / "passphrase")
    try:
        passphrase = path.read_bytes().split(b"\n", 1)[0].strip()
    except OSError as error:
        if environment.get("CONSENTRY_PASSPHRASE_FILE"):
            raise SettingsError("the file that CONSENTRY_PASSPHRASE_FILE names cannot be read: correct it") from error
        raise SettingsError("no passphrase: set CONSENTRY_PASSPHRASE_FILE to a file that holds it") from error
    if not passphrase:
        raise SettingsError("the passphrase file is empty: its first line opens the installation's keys")
    return passphrase
