"""The auditors' door: the log as text that programs verify, and one page that says how.

| path | gives |
| --- | --- |
| `/audit` | the page |
| `/log/checkpoint` | the newest signed checkpoint (C2SP signed note) |
| `/log/entries?first=0&last=100` | entries as stored, one JSON object a line, at most 1,000 |
| `/log/proof?index=0` | RFC 6962 inclusion proof of an entry in the newest checkpoint |
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, jsonify, render_template, request

from consent.domain.checkpoint import Checkpoint
from consent.domain.merkle import inclusion_proof
from consent.domain.note import unverified_text
from consent.ports import Store
from consent.web.problems import Refusal

PAGE: Final = 1000
_DIGITS: Final = 15


def auditor_pages(store: Store, origin: str, public_key: bytes) -> Blueprint:
    """Return the pages over one log."""
    pages = Blueprint("auditor", __name__)

    @pages.get("/audit")
    def index() -> str:
        with store.reading() as unit:
            size, note = unit.log.size(), unit.log.latest_checkpoint()
            latest = list(unit.log.entries(max(0, size - 12), size))
        lines = [entry.body.decode() for entry in reversed(latest)]
        return render_template("auditor.html", origin=origin, key=public_key.hex(), size=size, note=note, lines=lines)

    @pages.get("/log/checkpoint")
    def checkpoint() -> Response:
        with store.reading() as unit:
            note = unit.log.latest_checkpoint()
        if note is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "No checkpoint has been signed yet.")
        return Response(note, mimetype="text/plain")

    @pages.get("/log/entries")
    def entries() -> Response:
        first = _whole("first", 0)
        last = min(_whole("last", first + PAGE), first + PAGE)
        with store.reading() as unit:
            lines = b"".join(entry.body + b"\n" for entry in unit.log.entries(first, last))
        return Response(lines, mimetype="application/x-ndjson")

    @pages.get("/log/proof")
    def proof() -> Response:
        index = _whole("index")
        with store.reading() as unit:
            note, leaves = unit.log.latest_checkpoint(), unit.log.leaves()
        size = _size(note)
        if index >= size:
            raise Refusal(HTTPStatus.NOT_FOUND, "The newest checkpoint does not cover that entry yet.")
        hashes = inclusion_proof(leaves[:size], index)
        return jsonify(index=index, size=size, leaf=leaves[index].hex(), proof=[part.hex() for part in hashes])

    return pages


def _size(note: str | None) -> int:
    return Checkpoint.from_text(unverified_text(note)).size if note else 0


def _whole(name: str, default: int | None = None) -> int:
    """Return a query's whole number; answer 400 without repeating what was sent."""
    arguments: Mapping[str, str] = request.args
    text = arguments.get(name, "" if default is None else str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{name} is a whole number.")
    return int(text)
