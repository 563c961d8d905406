"""`consentry serve`, `web` and `api`: every process of a deployment, and the two that answer on this machine."""

import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from gunicorn.app.base import BaseApplication
from rich.console import Console
from werkzeug.middleware.proxy_fix import ProxyFix

import migrations
from consent import wiring
from consent.adapters.gunicorn_log import GunicornLog
from consent.adapters.logging_json import configure
from consent.adapters.sql.conditions import SqlConditions
from consent.cli.supervise import Supervisor
from consent.services.health import Health, Limits
from consent.settings import Settings, SettingsError, WebSettings
from consent.web import LOCAL, create_app, create_portal, create_signing_app
from consent.web.staff import create_staff
from consent.web.turns import Wsgi, by_host, by_path
from consent.web.v1 import create_api
from vault import open_keys

PROCESSES: Final = 2
THREADS: Final = 8
"""In each process; they wait for slow browsers, what is between them takes turns (`consent.web.turns`)."""


class LocalServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Serves an application on the loopback address; requests are not written to any log.

    Each process makes an application of its own: open databases do not survive a fork.
    """

    def __init__(self, make: Callable[[], Wsgi], port: int, processes: int = PROCESSES) -> None:
        self._make = make
        self._port = port
        self._processes = processes
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        settings = {
            "bind": f"127.0.0.1:{self._port}",
            "workers": self._processes,
            "threads": THREADS,
            "loglevel": "warning",
            "logger_class": GunicornLog,
            # What comes through a proxy comes from this machine too: no stranger says there which path was meant.
            "forwarder_headers": "",
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        """Return the application of this process."""
        return self._make()


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SettingsError("the port is in use: choose another with --port") from error


def run(home: Path, port: int) -> None:
    """Start an installation's ledger, worker, web, API and post; keep them running until interrupted."""
    _require_free(port)
    _require_free(port + 1)
    wiring.read_identity(wiring.Places(home).public)
    configure("serve")
    shared = [sys.executable, "-m", "consent.cli"]
    commands = {
        "ledger": [*shared, "ledger", str(home)],
        "worker": [*shared, "worker", str(home)],
        "web": [*shared, "web", str(home), "--port", str(port)],
        "api": [*shared, "api", str(home), "--port", str(port)],
    }
    if mails(WebSettings.read(port)):
        commands["post"] = [*shared, "post", str(home), "--port", str(port)]
    origins = WebSettings.read(port)
    told = f"{home} is served on {origins.portal}, to researchers on {origins.api}"
    told += f", its log and health on http://127.0.0.1:{port}"
    Console().print(f"{told} (/audit, /readyz). Stop with Ctrl-C.", highlight=False)
    sys.exit(Supervisor(commands).run())


def mails(web: WebSettings) -> bool:
    """Say whether letters go anywhere: to a mail server, or in development into a folder."""
    return bool(web.smtp) or web.portal.startswith("http:")


def web(home: Path, port: int) -> None:
    """Answer over HTTP on this machine until interrupted: the portal, the auditors' door, how the deployment is."""
    _require_free(port)
    configure("web")
    settings, origins = Settings.read(home), WebSettings.read(port)
    with wiring.opened(settings):  # what is wrong is told here, once, and not by each process
        pass
    with ExitStack() as stack:
        LocalServer(partial(_pages, settings, origins, stack), port).run()


def api(home: Path, port: int) -> None:
    """Answer researchers over HTTP on the port behind the web's until interrupted; one process, for its snapshots."""
    _require_free(port + 1)
    configure("api")
    settings, origins = Settings.read(home), WebSettings.read(port)
    with wiring.opened(settings):  # what is wrong is told here, once
        pass
    with ExitStack() as stack:
        LocalServer(partial(_api, settings, origins, stack), port + 1, processes=1).run()


def _api(settings: Settings, web: WebSettings, stack: ExitStack) -> Wsgi:
    """Open the installation for the API in the server's process."""
    installation = stack.enter_context(wiring.opened(settings))
    app: Wsgi = create_api(wiring.api_room(installation, web, wiring.snapshots_of(settings)))
    staff = create_staff(wiring.staff_room(installation, web, anchor_seconds=settings.anchor_seconds))
    served = by_path({"/staff": staff}, app)
    return ProxyFix(served, x_for=web.proxies, x_proto=web.proxies) if web.proxies else served


def _pages(settings: Settings, web: WebSettings, stack: ExitStack) -> Wsgi:
    """Open the installation in one of the server's processes."""
    installation = stack.enter_context(wiring.opened(settings))
    places, store = installation.places, installation.store
    room = wiring.portal_room(installation, web, settings.max_staleness)
    schemas = {
        "records": partial(migrations.at_head, store.engine, "records"),
        "keys": partial(migrations.at_head, open_keys(places.keys), "keys"),
    }
    limits = Limits(head_age=settings.max_staleness, anchor=2 * settings.anchor_seconds)
    health = Health(SqlConditions(store), wiring.utc_now, places.root_key, schemas, limits)
    log = installation.log
    here = create_app(store, log.origin, log.signer.public_key, health)
    portal: Wsgi = create_portal(room)
    signing: Wsgi = create_signing_app(room)
    if web.proxies:
        portal, signing = (ProxyFix(app, x_for=web.proxies, x_proto=web.proxies) for app in (portal, signing))
    return by_host({**dict.fromkeys(LOCAL, here), web.portal_host: portal, web.signing_host: signing})
