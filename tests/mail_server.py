"""A real mail server on this machine, for tests of letters."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller

from consent.domain.mail import MailServer


@contextmanager
def served(inbox: object, **options: Any) -> Iterator[MailServer]:
    """Run a mail server on a free port; `inbox` has aiosmtpd's `handle_DATA`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, "127.0.0.1", port, **options)
    controller.start()
    try:
        yield MailServer("localhost", port, tls=False)
    finally:
        controller.stop()
