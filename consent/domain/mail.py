"""Mail: what an address and a subject look like, and where the server is that takes letters. Pure.

smtp://user:password@mail.hospital.example:587     TLS by STARTTLS where the server offers it (RFC 3207)
smtps://user:password@mail.hospital.example:465    TLS from the first byte (RFC 8314)
"""

import re
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import unquote

from consent.domain.errors import ConsentError

HOST: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
"""A host's name in lower case, as a regular expression; international names in their `xn--` form."""
_ADDRESS: Final = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@({HOST})", re.ASCII)
"""As browsers check it: HTML, section 4.10.5.1.5, which leaves out quotes, comments and spaces on purpose."""
_SERVER: Final = re.compile(rf"(smtps?)://(?:([!-9;-?A-~]+):([!-?A-~]+)@)?({HOST})(?::([0-9]{{1,5}}))?")
_ADDRESS_LIMIT: Final = 254
_SUBJECT_LIMIT: Final = 200
_LARGEST_PORT: Final = 65_535
_PORTS: Final = {"smtp": 587, "smtps": 465}


class InvalidMailError(ConsentError):
    """This cannot be sent as mail; correct the address, the subject or the server that the message names."""


def address_host(address: str) -> str:
    """Return the host of a mail address; raise `InvalidMailError` for what is none, such as two lines."""
    # Lower case makes an ASCII letter of some others, such as the sign of the Kelvin: another address, not this one.
    sound = len(address) <= _ADDRESS_LIMIT and address.isascii()
    found = _ADDRESS.fullmatch(address.lower()) if sound else None
    if found is None:
        raise InvalidMailError("a mail address is one line such as name@hospital.example: correct it")
    return found[1]


def require_subject(subject: str) -> None:
    """Raise `InvalidMailError` unless a subject is one line: a second one would be a header of its own."""
    if not (0 < len(subject) <= _SUBJECT_LIMIT and subject.isprintable()):
        raise InvalidMailError(f"a mail's subject is one line of 1 to {_SUBJECT_LIMIT} printable characters")


@dataclass(frozen=True, slots=True)
class MailServer:
    """Who takes letters; `user` is empty where nobody signs in. `tls`: from the first byte."""

    host: str
    port: int
    tls: bool
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL as above, which may hold a password and is never repeated; raise `InvalidMailError`."""
        found = _SERVER.fullmatch(url)
        if found is None:
            raise InvalidMailError("a mail server is smtp://user:password@host:port, or smtps://")
        scheme, user, password, host, port = found.groups()
        number = int(port or _PORTS[scheme])
        if not 0 < number <= _LARGEST_PORT:
            raise InvalidMailError(f"a mail server's port is a number from 1 to {_LARGEST_PORT}")
        return cls(host, number, scheme == "smtps", unquote(user or ""), unquote(password or ""))
