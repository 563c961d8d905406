"""Several applications behind one server, one request at a time in each of its processes.

The services of a process share a consent book and a projection, which are not for two threads at once. Threads take in
slow requests and send slow answers; what is between takes milliseconds and waits its turn. An answer that is larger
than a page is drawn piece by piece: each under the turn, and sent without it, so that others go on meanwhile and no
more of it is in memory than a piece.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from io import BytesIO
from threading import Lock
from typing import Any, Final

from werkzeug.wrappers import Response

LARGEST: Final = 64 * 1024
"""Bytes of a request; no page sends more."""
PIECE: Final = 256 * 1024
"""Bytes of an answer that are drawn in one turn, or a little more; a page is smaller and is drawn in one."""
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def by_host(apps: Mapping[str, Wsgi]) -> Wsgi:
    """Return one WSGI application of several, by the host that a request names; any other host is refused."""

    def chosen(environ: dict[str, Any]) -> Wsgi:
        host = str(environ.get("HTTP_HOST", "")).rpartition(":")[0] or str(environ.get("HTTP_HOST", ""))
        return apps.get(host.lower(), Response("there is no such host here\n", 400))

    return _in_turns(chosen, lambda _: Response("this is too much\n", 413))


def by_path(apps: Mapping[str, Wsgi], rest: Wsgi) -> Wsgi:
    """Return one WSGI application of several, by what a path begins with; each says itself what is too much for it."""

    def chosen(environ: dict[str, Any]) -> Wsgi:
        path = str(environ.get("PATH_INFO", ""))
        return next((app for prefix, app in apps.items() if path == prefix or path.startswith(f"{prefix}/")), rest)

    return _in_turns(chosen, chosen)


def _in_turns(chosen: Callable[[dict[str, Any]], Wsgi], too_much: Callable[[dict[str, Any]], Wsgi]) -> Wsgi:
    """Let one request at a time through, its body in memory; who is `too_much` gets none of one that is too large."""
    turn = Lock()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        app = chosen(environ)
        try:
            length = int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = LARGEST + 1
        if not 0 <= length <= LARGEST or "HTTP_TRANSFER_ENCODING" in environ:
            app, length = too_much(environ), 0
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
        with turn:
            return _begun(app(environ, start_response), turn)

    return answer


def _begun(answered: Iterable[bytes], turn: AbstractContextManager[Any]) -> Iterable[bytes]:
    """Draw an answer's first piece, in the caller's turn: all of it, where it is no more, else with the rest."""
    rest, whole = iter(answered), False
    try:
        first = _drawn(rest)
        whole = len(first) < PIECE
    except BaseException:
        _close(answered)
        raise
    if whole:
        _close(answered)
        return [first]
    return _Pieces(answered, rest, first, turn)


class _Pieces:
    """The rest of a large answer; whoever sends it takes pieces, and closes it, also where the reader left."""

    def __init__(
        self, answered: Iterable[bytes], rest: Iterator[bytes], first: bytes, turn: AbstractContextManager[Any]
    ) -> None:
        self._answered, self._rest, self._first, self._turn = answered, rest, first, turn

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece, self._first = self._first, b""
        if not piece:
            with self._turn:
                piece = _drawn(self._rest)
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Let go of what the answer holds."""
        with self._turn:
            _close(self._answered)


def _drawn(rest: Iterator[bytes]) -> bytes:
    """Take pieces until they make a large one; nothing is left where it is smaller than `PIECE`."""
    held = bytearray()
    for piece in rest:
        held += piece
        if len(held) >= PIECE:
            break
    return bytes(held)


def _close(answered: Iterable[bytes]) -> None:
    getattr(answered, "close", lambda: None)()  # PEP 3333: whoever takes an answer closes it
