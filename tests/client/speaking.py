"""A server that says what a test tells it to, over real HTTP, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "a-token-of-a-quarter-of-an-hour"


@dataclass(frozen=True)
class Said:
    """One answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    @classmethod
    def json(cls, value: object, status: int = 200, **headers: str) -> "Said":
        """Return an answer in JSON."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json"} | named)

    @classmethod
    def problem(cls, slug: str, status: int, **headers: str) -> "Said":
        """Return a problem document."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        value = {"type": f"http://api.localhost/problems/{slug}", "title": "It is so", "status": status}
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/problem+json"} | named)


@dataclass(frozen=True)
class Heard:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Speaker:
    """The server's end: `answers` are given one after another, the last one again and again."""

    port: int = 0
    answers: list[Said] = field(default_factory=lambda: [Said()])
    heard: list[Heard] = field(default_factory=list)
    tokens: list[Said] = field(default_factory=lambda: [token()])

    @property
    def api(self) -> str:
        """Where it is, for a client."""
        return f"http://api.localhost:{self.port}"

    @property
    def asked(self) -> list[Heard]:
        """What was asked, signing in left out."""
        return [one for one in self.heard if one.path != "/v1/token"]

    @property
    def signed_in(self) -> list[Heard]:
        """Who signed in."""
        return [one for one in self.heard if one.path == "/v1/token"]

    def say(self, *answers: Said) -> None:
        """Give these answers from now on."""
        self.answers = list(answers)

    def answer(self, heard: Heard) -> Said:
        """Remember a request and return its answer."""
        self.heard.append(heard)
        return _next(self.tokens if heard.path == "/v1/token" else self.answers)


def token(seconds: int = 900, text: str = TOKEN) -> Said:
    return Said.json({"access_token": text, "token_type": "Bearer", "expires_in": seconds, "scope": "studies"})


def _next(answers: list[Said]) -> Said:
    return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def speaking() -> Iterator[Speaker]:
    """Serve on a free port of this machine until the end of the block."""
    speaker = Speaker()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _speak(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            heard = Heard(self.command, self.path, dict(self.headers), self.rfile.read(length))
            said = speaker.answer(heard)
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST = do_PUT = do_DELETE = _speak  # noqa: N815  # http.server's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    speaker.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield speaker
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def listed(items: Sequence[object], following: str | None = None) -> Said:
    return Said.json({"items": list(items), "next": following})
