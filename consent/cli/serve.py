"""`consentry serve`: the auditor's pages on this machine."""

from pathlib import Path

from rich.console import Console

from consent import wiring
from consent.web import create_app


def run(home: Path, port: int) -> None:
    """Serve until interrupted, on the loopback address only."""
    with wiring.opened_for_audit(home) as room:
        app = create_app(room.store, room.origin, room.public_key)
        Console().print(f"The log of {home} is open to auditors on http://127.0.0.1:{port} (stop with Ctrl-C).")
        app.run("127.0.0.1", port)
