"""The one reader of the environment.

| variable | meaning |
| --- | --- |
| `CONSENTRY_PASSPHRASE_FILE` | file whose first line opens the keys; where unset, `operator/passphrase` |
| `CONSENTRY_REPLICAS` | two or more folders for copies of the epoch key, separated by `:`; best on different disks |
| `CONSENTRY_MAX_STALENESS` | seconds without a fresh reading of the ledger after which every access is refused (120) |
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from consent.domain.errors import ConsentError


class SettingsError(ConsentError):
    """A setting is missing or cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where one installation lives and what opens it."""

    home: Path
    passphrase: bytes = field(repr=False)
    replicas: tuple[Path, ...]
    max_staleness: int = 120

    @classmethod
    def read(cls, home: Path, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings of the installation in `home`; raise `SettingsError` for what is missing or wrong."""
        named = environment.get("CONSENTRY_REPLICAS", "")
        replicas = tuple(Path(name) for name in named.split(":") if name) or default_replicas(home)
        staleness = environment.get("CONSENTRY_MAX_STALENESS", "120")
        if not staleness.isdecimal():
            raise SettingsError("CONSENTRY_MAX_STALENESS is a whole number of seconds")
        return cls(home, _passphrase(home, environment), replicas, int(staleness))


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
