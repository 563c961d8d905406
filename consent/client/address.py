"""Where the API is: an https origin, or http on this machine's own localhost names.

Names that end with `.localhost` are this machine, whatever a name server says (RFC 6761, section 6.3): a token in clear
goes to 127.0.0.1 and nowhere else.
"""

import re
from dataclasses import dataclass
from typing import Final

from consent.client.errors import UsageError

_ORIGIN: Final = re.compile(r"(https?)://([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::([0-9]{1,5}))?/?")
_PORTS: Final = 2**16


@dataclass(frozen=True, slots=True)
class Address:
    """The API's origin as the server knows it, and the one that is connected to."""

    origin: str
    connect: str

    @property
    def host(self) -> str:
        """The Host header: name, and port where it is not the scheme's own."""
        return self.origin.partition("://")[2]

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, without TLS: no proxy is asked then."""
        return self.origin.startswith("http:")

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read an origin; raise `UsageError` for anything else, and for http to another machine."""
        found = _ORIGIN.fullmatch(url.lower())
        if found is None or not 0 < int(found[3] or 1) < _PORTS:
            raise UsageError("the API's address is https://name or https://name:port, and nothing behind it")
        scheme, name, port = found[1], found[2], f":{int(found[3])}" if found[3] else ""
        if scheme == "https":
            return cls(f"https://{name}{port}", f"https://{name}{port}")
        if f".{name}".rpartition(".")[2] != "localhost":
            raise UsageError("the API's address must be https: only localhost, and names under it, do without")
        return cls(f"http://{name}{port}", f"http://127.0.0.1{port}")
