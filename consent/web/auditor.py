"""The auditors' door: the log as text that programs verify, and one page that says how.

| path | gives |
| --- | --- |
| `/audit` | the page |
| `/log/checkpoint` | the newest signed checkpoint (C2SP signed note); with `size`, the one of that size |
| `/log/entries?first=0&last=100` | entries as stored, one JSON object a line, at most 1,000 |
| `/log/proof?index=0` | RFC 6962 inclusion proof of an entry in the newest checkpoint |
| `/log/consistency?old=1&new=2` | RFC 6962 proof that the first `new` entries continue the first `old` |
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, jsonify, render_template, request

from consent.domain.merkle import leaf_hash
from consent.ports import Store
from consent.services.proving import newest, prove_consistency, prove_inclusion
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
        size = _whole("size") if "size" in request.args else None
        with store.reading() as unit:
            note = unit.log.latest_checkpoint() if size is None else unit.log.checkpoint_at(size)
        if note is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "No such checkpoint has been signed yet.")
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
            signed = newest(unit.log)
            if signed is None or index >= signed.size:
                raise Refusal(HTTPStatus.NOT_FOUND, "The newest checkpoint does not cover that entry yet.")
            entry, hashes = prove_inclusion(unit.log, index, signed)
        return jsonify(
            index=index, size=signed.size, leaf=leaf_hash(entry.body).hex(), proof=[part.hex() for part in hashes]
        )

    @pages.get("/log/consistency")
    def consistency() -> Response:
        old, new = _whole("old"), _whole("new")
        if not 0 < old <= new:
            raise Refusal(HTTPStatus.BAD_REQUEST, "old is 1 or more, and new not smaller.")
        with store.reading() as unit:
            signed = newest(unit.log)
            if signed is None or new > signed.size:
                raise Refusal(HTTPStatus.NOT_FOUND, "The newest checkpoint does not cover that many entries yet.")
            hashes = prove_consistency(unit.log, old, new, signed)
        return jsonify(old=old, new=new, proof=[part.hex() for part in hashes])

    return pages


def _whole(name: str, default: int | None = None) -> int:
    """Return a query's whole number; answer 400 without repeating what was sent."""
    arguments: Mapping[str, str] = request.args
    text = arguments.get(name, "" if default is None else str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{name} is a whole number.")
    return int(text)
