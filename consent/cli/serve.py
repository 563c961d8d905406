"""`consentry serve` and `consentry web`: every process of a deployment, and the one that answers on this machine."""

import socket
import sys
from functools import partial
from pathlib import Path

from flask import Flask
from gunicorn.app.base import BaseApplication
from rich.console import Console

import migrations
from consent import wiring
from consent.adapters.gunicorn_log import GunicornLog
from consent.adapters.logging_json import configure
from consent.adapters.sql import SqlStore, open_records
from consent.adapters.sql.conditions import SqlConditions
from consent.cli.supervise import Supervisor
from consent.services.health import Health, Limits
from consent.settings import Databases, SettingsError, max_staleness
from consent.web import create_app
from vault import open_keys


class LocalServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Serves one application on the loopback address; requests are not written to any log."""

    def __init__(self, app: Flask, port: int) -> None:
        self._app = app
        self._port = port
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        settings = {
            "bind": f"127.0.0.1:{self._port}",
            "threads": 4,
            "loglevel": "warning",
            "logger_class": GunicornLog,
        }
        for name, value in settings.items():
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
    """Start the ledger, the worker and the web of an installation, and keep them running until interrupted."""
    _require_free(port)
    wiring.read_identity(wiring.Places(home).public)
    configure("serve")
    shared = [sys.executable, "-m", "consent.cli"]
    commands = {
        "ledger": [*shared, "ledger", str(home)],
        "worker": [*shared, "worker", str(home)],
        "web": [*shared, "web", str(home), "--port", str(port)],
    }
    at = f"http://127.0.0.1:{port}"
    Console().print(f"{home} is served on {at}, its health on {at}/readyz (stop with Ctrl-C).", highlight=False)
    sys.exit(Supervisor(commands).run())


def web(home: Path, port: int) -> None:
    """Answer over HTTP on this machine until interrupted: the auditors' door, and how the deployment is."""
    _require_free(port)
    configure("web")
    places = wiring.Places(home, Databases.read())
    identity = wiring.read_identity(places.public)
    store = SqlStore(open_records(places.records, read_only=True))
    schemas = {"records": partial(migrations.at_head, store.engine, "records")}
    if not wiring.is_absent(places.keys):  # opening one that is not there would make it
        schemas["keys"] = partial(migrations.at_head, open_keys(places.keys), "keys")
    limits = Limits(head_age=max_staleness())
    health = Health(SqlConditions(store), wiring.utc_now, places.root_key, schemas, limits)
    with wiring.occupied(places):
        LocalServer(create_app(store, identity.origin, identity.public_key, health), port).run()
