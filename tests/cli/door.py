"""The researchers' door of a small hospital on a real port, and somebody at a terminal who asks it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from consent import wiring
from consent.client import ClientKey
from consent.services.desk.callers import Role
from consent.settings import WebSettings
from consent.web.turns import Wsgi, by_path
from consent.web.v1 import create_api
from tests.cli.test_commands import Ran, consentry
from tests.services.house import House


class Quiet(WSGIRequestHandler):
    """Says nothing of each request."""

    def log(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Somebody's terminal: an installation's door, and a home folder of their own."""

    house: House
    api: str
    home: Path

    def run(self, command: str, *arguments: object, **environment: str) -> Ran:
        """Run a command as whoever signed in here."""
        return consentry(*command.split(), *arguments, **self.environment, **environment)

    def done(self, command: str, *arguments: object) -> str:
        """Run a command that must do what it is told, and return what it printed."""
        ran = self.run(command, *arguments)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    @property
    def environment(self) -> dict[str, str]:
        """Where a home folder is, and what belongs there."""
        return {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config")}

    def key(self, name: str, role: Role, *studies: str) -> Path:
        """Register a client, and return its key file, which lies outside the home folder."""
        file, clients = self.home.parent / f"{name}.json", wiring.clients_of(self.house.open, self.house.clock)
        key = ClientKey.drawn(name, self.api)
        clients.register(name, role, "A program", key.public())
        for study in studies:
            clients.allow(name, study)
        key.write(file)
        return file

    def sign_in(self, name: str, role: Role, study: str) -> None:
        """Register a client and sign in as it, for a study."""
        self.done("login", self.api, "--key", self.key(name, role, study), "--study", study)


@contextmanager
def served(house: House, home: Path) -> Iterator[Terminal]:
    """Serve a house's API until the end of the block."""
    home.mkdir()
    server = make_server("127.0.0.1", 0, _not_yet, threaded=True, request_handler=Quiet)
    web = WebSettings.read(server.port - 1, {})
    room = wiring.api_room(house.open, web, wiring.snapshots_of(house.settings, house.clock), house.clock)
    server.app = by_path({}, create_api(replace(room, limited=False)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield Terminal(house, web.api, home)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_not_yet: Wsgi = by_path({}, lambda *_: [])
"""Stands in until the port, and so the API's address, is known."""
