"""The two origins behind one server, one request at a time in each of its processes.

The services of a process share a consent book and a projection, which are not for two threads at once. Threads take in
slow requests and send slow answers; what is between takes milliseconds and waits its turn.
"""

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from threading import Lock
from typing import Any, Final

from werkzeug.wrappers import Response

LARGEST: Final = 64 * 1024
"""Bytes of a request; no page sends more."""
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def by_host(apps: Mapping[str, Wsgi]) -> Wsgi:
    """Return one WSGI application of several, by the host that a request names; any other host is refused."""
    turn = Lock()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        host = str(environ.get("HTTP_HOST", "")).rpartition(":")[0] or str(environ.get("HTTP_HOST", ""))
        app = apps.get(host.lower())
        if app is None:
            return Response("there is no such host here\n", 400)(environ, start_response)
        try:
            length = int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = LARGEST + 1
        if not 0 <= length <= LARGEST or "HTTP_TRANSFER_ENCODING" in environ:
            return Response("this is too much\n", 413)(environ, start_response)
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
        with turn:
            answered = app(environ, start_response)
            try:
                return [b"".join(answered)]
            finally:
                getattr(answered, "close", lambda: None)()  # PEP 3333: whoever takes an answer closes it

    return answer
