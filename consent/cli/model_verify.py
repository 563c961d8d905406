"""`consentry local model verify`: a release is fitted again by an installation that holds the keys."""

from pathlib import Path

from consent import wiring
from consent.cli.verify import told
from consent.settings import Databases, Settings


def run(home: Path, study: str, release: int | None, rpc: str) -> None:
    """Print each finding; exit 6 naming the first that does not hold."""
    with (
        wiring.opened(Settings.read(home)) as installation,
        wiring.opened_for_audit(home, rpc, Databases.read()) as room,
    ):
        told(installation.verifying.of_release(study, release, room.ledger))
