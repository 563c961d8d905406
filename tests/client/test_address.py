"""Where the client goes, and where it does not."""

import pytest

from consent.client import UsageError
from consent.client.address import Address


@pytest.mark.parametrize(
    ("url", "origin", "connect", "host"),
    [
        ("https://api.example.org", "https://api.example.org", "https://api.example.org", "api.example.org"),
        ("https://API.Example.org:8443/", "https://api.example.org:8443", "https://api.example.org:8443",
         "api.example.org:8443"),
        ("http://api.localhost:8001", "http://api.localhost:8001", "http://127.0.0.1:8001", "api.localhost:8001"),
        ("http://localhost", "http://localhost", "http://127.0.0.1", "localhost"),
    ],
)  # fmt: skip
def test_an_origin_is_read(url: str, origin: str, connect: str, host: str) -> None:
    """Names of this machine are connected to by number: no name server can send a token elsewhere."""
    address = Address.parse(url)
    assert (address.origin, address.connect, address.host) == (origin, connect, host)


@pytest.mark.parametrize(
    "url",
    [
        "", "api.example.org", "ftp://api.example.org", "http://api.example.org", "http://localhost.example.org",
        "http://xlocalhost:8001", "http://127.0.0.1:8001", "https://user:word@api.example.org", "https://api.example.org/v1",
        "https://api.example.org?x", "https://api.example.org:0", "https://api.example.org:65536", "https://-a.org",
        "https://api.example.org\n", "http://localhost@example.org",
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        Address.parse(url)
    assert not url or url not in str(refused.value)
