"""The folder of a demo: made anew, and never in the place of something else."""

import secrets
import shutil
from pathlib import Path

from consent import wiring
from consent.adapters.chain_store import require_unlocked
from consent.domain.errors import ConsentError
from consent.settings import Settings, default_replicas


class DemoFolderError(ConsentError):
    """The folder for the demo holds something else; name another, or empty it."""


def cleared(home: Path) -> Settings:
    """Clear an earlier demo away and lay out the operator's passphrase, drawn anew; raise `DemoFolderError`."""
    marker = home / "this-is-a-demo"
    if home.exists() and any(home.iterdir()):
        if not marker.exists():
            raise DemoFolderError("this folder holds something that is no demo: name another, or empty it")
        require_unlocked(wiring.Places(home).chain)
        shutil.rmtree(home)
    wiring.make_folders(wiring.Places(home))
    wiring.write_private(marker, b"Simulated patients; `consentry demo` and `consentry sandbox` clear this folder.\n")
    passphrase = secrets.token_urlsafe(24).encode()
    wiring.write_private(home / "operator" / "passphrase", passphrase)
    return Settings(home, passphrase, default_replicas(home))
