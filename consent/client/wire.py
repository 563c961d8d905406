"""One request and its answer over HTTP: TLS is verified, no redirect is followed, and no answer is endless.

with Wire(Address.parse("https://api.example.org")) as wire:
reply = wire.ask(Request("GET", "/v1/me", {"Authorization": "Bearer …"}))
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Final, Self

import httpx

from consent.client.address import Address
from consent.client.errors import ServerError

LARGEST: Final = 64 * 2**20
"""Bytes of an answer that are read; a larger one is none of this API's."""
_TIMEOUT: Final = httpx.Timeout(60, connect=10)
_LONGEST_WAIT: Final = 86400


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `path` begins with a slash."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered; the body stays out of every `repr`."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether it is one of the 200s."""
        return self.status // 100 == 2  # noqa: PLR2004  # RFC 9110, section 15.3

    @property
    def media_type(self) -> str:
        """The body's media type without parameters, in small letters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def retry_after(self) -> float | None:
        """Seconds of Retry-After, where it stands in seconds and makes sense."""
        text = self.headers.get("retry-after", "")
        return min(int(text), _LONGEST_WAIT) if text.isascii() and text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004


class Wire:
    """An open connection to one API."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._http = httpx.Client(
            base_url=address.connect,
            headers={"Host": address.host, "User-Agent": user_agent(), "Accept-Encoding": "identity"},
            timeout=_TIMEOUT,
            follow_redirects=False,
            # A proxy of the environment would get what is sent to this machine without TLS.
            trust_env=not address.is_local,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def ask(self, request: Request) -> Reply:
        """Send a request; raise `ServerError` where no whole answer came."""
        asked = self._http.build_request(
            request.method,
            request.path,
            headers=dict(request.headers),
            params=dict(request.query),
            content=request.body,
        )
        try:
            answer = self._http.send(asked, stream=True)
            try:
                return Reply(answer.status_code, answer.headers, _read(answer))
            finally:
                answer.close()
        except httpx.HTTPError as error:
            raise UnreachedError("the API was not reached, or its answer broke off: does it run there?") from error


class UnreachedError(ServerError):
    """No whole answer came: see whether the API runs and whether its address is right, then ask again."""


def user_agent() -> str:
    """Return what this client calls itself."""
    try:
        return f"consentry/{version('consentry')}"
    except PackageNotFoundError:
        return "consentry"


def _read(answer: httpx.Response) -> bytes:
    body = bytearray()
    for part in answer.iter_raw():
        body += part
        if len(body) > LARGEST:
            raise ServerError("the API's answer is larger than any of its answers can be: ask the operator")
    return bytes(body)
