"""The real server, as somebody reaches it who writes each byte of a request."""

import socket

import pytest

from tests.browser.hospital import served
from tests.services.house import House, Template


def answered(port: int, *lines: str) -> str:
    """Send a request; return all of the answer."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def test_no_header_says_under_which_path_a_page_stands(
    template: Template, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A proxy may pass such headers on: what was asked as /x/stop/mail came past a limit for /stop/mail."""
    home = tmp_path_factory.mktemp("hospital") / "home"
    with House.copied(template, home) as house, served(house) as hospital:
        host = f"Host: localhost:{hospital.port}"
        for header in ("SCRIPT_NAME: /x", "Script-Name: /x", "PATH_INFO: /start"):
            said = answered(hospital.port, "GET /x/start HTTP/1.1", host, header)
            assert said.startswith("HTTP/1.1 404 ")
        assert answered(hospital.port, "GET /start HTTP/1.1", host, "SCRIPT_NAME: /x").startswith("HTTP/1.1 200 ")
