"""`consentry serve`: the auditors' door on this machine, behind gunicorn."""

import socket
from pathlib import Path

from flask import Flask
from gunicorn.app.base import BaseApplication
from rich.console import Console

from consent import wiring
from consent.settings import SettingsError
from consent.web import create_app


class LocalServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Serves one application on the loopback address; requests are not written to any log."""

    def __init__(self, app: Flask, port: int) -> None:
        self._app = app
        self._port = port
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        for name, value in {"bind": f"127.0.0.1:{self._port}", "threads": 4, "loglevel": "warning"}.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application."""
        return self._app


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SettingsError("the port is in use: choose another with --port") from error


def run(home: Path, port: int) -> None:
    """Serve until interrupted."""
    _require_free(port)
    with wiring.opened_for_audit(home) as room:
        app = create_app(room.store, room.origin, room.public_key)
        Console().print(f"The log of {home} is open to auditors on http://127.0.0.1:{port} (stop with Ctrl-C).")
        LocalServer(app, port).run()
