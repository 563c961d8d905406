"""The API's process over a house in tests, with the staff's pages in it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from consent import wiring
from consent.settings import WebSettings
from consent.web.staff.room import StaffRoom
from tests.examples.served import two_free_ports
from tests.services.house import PASSPHRASE, House

_PATIENCE = 60


@dataclass(frozen=True, slots=True)
class ServedDesk:
    """A house, and what the test does in it beside the API's process."""

    house: House
    room: StaffRoom

    @property
    def origin(self) -> str:
        """Where the pages are."""
        return self.room.origin


@contextmanager
def served_desk(house: House) -> Iterator[ServedDesk]:
    """Serve a house's API, in a process of its own."""
    port, home = two_free_ports(), house.open.places.home
    passphrase = home / "test-passphrase"
    passphrase.write_bytes(PASSPHRASE)
    environment = os.environ | {
        "CONSENTRY_PASSPHRASE_FILE": str(passphrase),
        "CONSENTRY_REPLICAS": ":".join(map(str, house.settings.replicas)),
    }
    command = [sys.executable, "-m", "consent.cli", "api", str(home), "--port", str(port)]
    output = home.with_name(f"{home.name}-api-output")
    with output.open("wb") as said:
        server = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
    try:
        _wait(port + 1, server)
        yield ServedDesk(house, wiring.staff_room(house.open, WebSettings.read(port, {}), house.clock))
    finally:
        server.terminate()
        server.wait(_PATIENCE)
        sys.stderr.write(output.read_text())


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(_PATIENCE * 10):
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/staff/sign-in", headers={"Host": f"api.localhost:{port}"})
            assert connection.getresponse().status == 200
        except (OSError, HTTPException):
            assert server.poll() is None, "the server ended"
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise AssertionError("the server does not answer")
