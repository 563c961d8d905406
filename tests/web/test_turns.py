"""One request at a time, and large answers in pieces between which others have their turn."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import repeat
from threading import Thread
from typing import Any

import pytest
from werkzeug.test import Client, EnvironBuilder

from consent.domain.subject_request import RequestAction
from consent.domain.terms import Category
from consent.services.received import Attachment
from consent.web.session import PORTAL_COOKIE
from consent.web.turns import PIECE, by_host
from tests.services.house import House, Template, identifier_of
from tests.web.site import Site, served
from vault.attachments import PART_BYTES

MEBIBYTE = 1024 * 1024


class Answer:
    """A WSGI application whose answer is what a generator yields, and which knows whether it was closed."""

    def __init__(self, make: Callable[[], Iterator[bytes]]) -> None:
        self.make, self.closed = make, 0

    def __call__(self, _environ: Any, start_response: Any) -> "Answer":
        """Answer."""
        start_response("200 OK", [("Content-Type", "text/plain")])
        self.pieces = self.make()
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        """Count that it was closed."""
        self.closed += 1


def asked(app: Any, host: str = "a") -> Any:
    return app(EnvironBuilder(base_url=f"http://{host}").get_environ(), lambda *_: None)


def short() -> Iterator[bytes]:
    yield from (b"one ", b"two")


def long() -> Iterator[bytes]:
    yield from repeat(bytes(PIECE), 3)
    yield b"end"


def test_a_page_is_drawn_and_closed_in_its_turn() -> None:
    page = Answer(short)
    assert asked(by_host({"a": page})) == [b"one two"]
    assert page.closed == 1


def test_between_the_pieces_of_a_large_answer_others_have_their_turn() -> None:
    large, page = Answer(long), Answer(short)
    app = by_host({"a": large, "b": page})
    pieces = asked(app)
    got = []
    for piece in pieces:
        got.append(piece)
        other = Thread(target=lambda: asked(app, "b"), daemon=True)
        other.start()
        other.join(5)
        assert not other.is_alive()
    pieces.close()
    assert b"".join(got) == bytes(PIECE) * 3 + b"end"
    assert large.closed == 1


def test_whoever_leaves_early_closes_the_answer_all_the_same() -> None:
    large = Answer(long)
    pieces = asked(by_host({"a": large}))
    next(pieces)
    pieces.close()
    assert large.closed == 1


def broken() -> Iterator[bytes]:
    yield b"one"
    raise ValueError("broken")


def broken_late() -> Iterator[bytes]:
    yield bytes(PIECE)
    raise ValueError("broken")


def test_what_breaks_while_it_is_drawn_gives_the_turn_back() -> None:
    early, late = Answer(broken), Answer(broken_late)
    app = by_host({"a": early, "b": late, "c": Answer(short)})
    with pytest.raises(ValueError, match="broken"):
        asked(app)
    assert early.closed == 1
    pieces = asked(app, "b")
    next(pieces)
    with pytest.raises(ValueError, match="broken"):
        next(pieces)
    pieces.close()
    assert late.closed == 1
    assert asked(app, "c") == [b"one two"]


@pytest.fixture
def site(consenting: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hospital where one has a scan of 50 MiB."""
    home = tmp_path_factory.mktemp("site") / "home"
    scan = Attachment("scan-1", Category.IMAGING, "application/dicom", "A scan")
    with House.copied(consenting, home) as house, served(house) as found:
        house.open.records.attach(identifier_of(3), scan, repeat(bytes(MEBIBYTE), 50), house.clock())
        yield found


def test_a_copy_with_a_scan_of_50_mebibytes_streams_with_flat_memory_while_others_are_served(site: Site) -> None:
    subject, sessions, now = site.house.people[3], site.room.sessions, site.house.clock()
    browser = site.signed_in(subject)
    cookie = browser.client.get_cookie(PORTAL_COOKIE, "localhost")
    assert cookie is not None
    session = sessions.find(cookie.value, now)
    assert session is not None
    state = site.house.ask(subject, RequestAction.ACCESS).to_json()
    path = f"/records/download/{sessions.ticket('asked', session.digest, subject, state, now)}"
    assert (
        Client(site.app).get("/", base_url="https://localhost:8000").status_code == 200
    )  # its template is compiled once
    gc.collect()
    gc.freeze()  # what the suite keeps would make rings that nobody holds wait long for their collection
    tracemalloc.start()
    answer = browser.client.get(path, base_url="https://localhost:8000", headers={"Accept": "text/html"})
    size, ends, beside = 0, b"", 0
    for number, piece in enumerate(answer.iter_encoded()):
        size, ends = size + len(piece), piece[-3:]
        if number % 100 == 0:
            beside += Client(site.app).get("/", base_url="https://localhost:8000").status_code == 200
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gc.unfreeze()
    answer.close()
    assert size > 50 * MEBIBYTE * 4 // 3
    assert ends == b"]}\n"
    assert peak < 5 * PART_BYTES
    assert beside > 1
