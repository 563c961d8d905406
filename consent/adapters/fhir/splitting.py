"""A file becomes the resources it holds, each as the bytes that came. What kind of file it is, its content says.

A Bundle gives its entries; NDJSON (FHIR Bulk Data) its lines; anything else is one resource. Entries and lines count
from 1.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum, auto
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from consent.adapters.fhir.outcomes import Literal, Problem
from consent.adapters.fhir.scanning import BrokenFileError, Scanner
from consent.adapters.fhir.strict_json import DEPTH_LIMIT, NotJsonError, deepest, parse

Source = Path | bytes

RESOURCE_BYTES: Final = 32 * 1024 * 1024
"""The longest resource that is taken."""

_ENTRY_BYTES: Final = RESOURCE_BYTES + 1024 * 1024
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_WHITE: Final = b" \t\r\n"
_MARK: Final = b"\xef\xbb\xbf"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_GZIP: Final = b"\x1f\x8b"
_TOO_LONG: Final = "a resource above 32 MiB: give its attachment a file of its own"
_NO_FHIR: Final = "holds no FHIR JSON: give a Bundle, NDJSON, one resource, or CSV with its dictionary"
_NO_RESOURCE: Final = "there is no resource with a resourceType: add it or leave this out"


class Shape(Enum):
    """How a file holds its resources."""

    BUNDLE = auto()
    LINES = auto()
    ONE = auto()


def literals(source: Source, number: int, of: int) -> Iterator[Literal | Problem]:
    """Yield what file `number` of `of` holds; memory holds one resource at a time. Never raises for its content."""
    place = f"file {number} of {of}"
    try:
        shape = _shape(source)
        with _opened(source) as file:
            for found in _SPLIT[shape](file, place):
                yield replace(found, file=number) if isinstance(found, Literal) else found
    except BrokenFileError as error:
        yield Problem(place, f"the file {error}")
    except OSError:  # its message holds the file's name
        yield Problem(place, "the file cannot be read: see that it is there and may be read")


def _opened(source: Source) -> BinaryIO:
    """Open a file behind its byte order mark; it is opened several times, which a pipe would not bear."""
    if isinstance(source, Path) and not source.is_file():
        raise FileNotFoundError
    file: BinaryIO = BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    if file.read(len(_MARK)) != _MARK:
        file.seek(0)
    return file


def _shape(source: Source) -> Shape:
    with _opened(source) as file:
        _require_text(file.read(2))
    with _opened(source) as file:
        if _resource_type(Scanner(file)) == "Bundle":
            return Shape.BUNDLE
    with _opened(source) as file:
        found = (line.strip(_WHITE) if line else line for line in iter(lambda: _line(file), b""))
        first, second = (next((line for line in found if line != b""), b"") for _ in range(2))
    if first is None or _is_whole(first) or _starts_object(second):  # in one resource, no line but the first does
        return Shape.LINES
    if not _starts_object(first):
        raise BrokenFileError(_NO_FHIR)
    return Shape.ONE


def _require_text(start: bytes) -> None:
    if start == _GZIP:
        raise BrokenFileError("is packed: unpack it first")
    if start in _UTF_16:
        raise BrokenFileError("is not UTF-8 text: export it as FHIR JSON in UTF-8")


def _resource_type(scanner: Scanner) -> str | None:
    """Return the first object's resourceType; None where the file breaks before it says so."""
    try:
        for name in scanner.members():
            value = scanner.take(_ENTRY_BYTES)
            if name == "resourceType":
                return str(parse(value or b"null"))
    except (BrokenFileError, NotJsonError):
        pass
    return None


def _is_whole(line: bytes) -> bool:
    """Say whether a line holds a whole object."""
    try:
        return _starts_object(line) and Scanner(BytesIO(line)).take(len(line)) is not None
    except BrokenFileError:
        return False


def _starts_object(line: bytes | None) -> bool:
    return line is not None and line.startswith(b"{")


def _bundle(file: BinaryIO, place: str) -> Iterator[Literal | Problem]:
    scanner = Scanner(file)
    for name in scanner.members():
        if name != "entry":
            scanner.take(_ENTRY_BYTES)
            continue
        if scanner.peek() not in {b"[", b""}:
            raise BrokenFileError("has an entry that is no list: export it as FHIR JSON")
        for number, _ in enumerate(scanner.elements(), 1):
            entry = scanner.take(_ENTRY_BYTES)
            where = f"{place}, entry {number}"
            yield Problem(where, _TOO_LONG) if entry is None else _entry(entry, where)
    if scanner.peek():
        raise BrokenFileError("goes on behind its Bundle: give each Bundle as a file of its own")


def _entry(entry: bytes, place: str) -> Literal | Problem:
    try:
        found = dict(_members(entry))
    except _RepeatedError:
        return Problem(place, "the entry names a field twice: export it again")
    except ValueError:
        return Problem(place, "the entry is not JSON in UTF-8: export it as FHIR JSON")
    resource = found.get("resource")
    if resource is None:
        return Problem(place, _NO_RESOURCE)
    url = found.get("fullUrl", b'""')
    return _literal(resource, place, str(json.loads(url)) if url.startswith(b'"') else "")


class _RepeatedError(Exception):
    """An object names a field twice."""


def _members(entry: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and very bytes of each member of an object; raises `ValueError` when it is none."""
    if deepest(entry) > DEPTH_LIMIT:
        raise ValueError
    text, decoder, seen = entry.decode("utf-8"), json.JSONDecoder(), set()
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        return
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        name, at = decoder.raw_decode(text, at)
        if not isinstance(name, str):
            raise ValueError  # noqa: TRY004  # what the JSON is, not what the caller gave
        if name in seen:
            raise _RepeatedError
        seen.add(name)
        start = _skip(text, _past(text, _skip(text, at), ":"))
        _, end = decoder.raw_decode(text, start)
        yield name, text[start:end].encode()
        at = _skip(text, end)
        if text[at : at + 1] != "}":
            at = _skip(text, _past(text, at, ","))


def _past(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise ValueError
    return at + 1


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _lines(file: BinaryIO, place: str) -> Iterator[Literal | Problem]:
    for number, line in enumerate(iter(lambda: _line(file), b""), 1):
        content = line and line.strip(_WHITE)
        where = f"{place}, line {number}"
        if content is None:
            yield Problem(where, _TOO_LONG)
        elif content:
            yield _literal(content, where)


def _line(file: BinaryIO) -> bytes | None:
    """Return the next line, nothing at the end, None for one that is too long."""
    line = file.readline(RESOURCE_BYTES + 2)
    if len(line) <= RESOURCE_BYTES + 1:
        return line
    while line and not line.endswith(b"\n"):
        line = file.readline(RESOURCE_BYTES)
    return None


def _one(file: BinaryIO, place: str) -> Iterator[Literal | Problem]:
    scanner = Scanner(file)
    content = scanner.take(RESOURCE_BYTES)
    if scanner.peek():
        raise BrokenFileError("goes on behind its resource: give NDJSON one resource a line, or a Bundle")
    yield Problem(place, _TOO_LONG) if content is None else _literal(content, place)


def _literal(content: bytes, place: str, full_url: str = "") -> Literal | Problem:
    if len(content) > RESOURCE_BYTES:
        return Problem(place, _TOO_LONG)
    line = content.replace(b"\r\n", b" ").replace(b"\n", b" ").replace(b"\r", b" ")
    return Literal(place, 0, line, full_url)


_SPLIT: Final[dict[Shape, Callable[[BinaryIO, str], Iterator[Literal | Problem]]]] = {
    Shape.BUNDLE: _bundle,
    Shape.LINES: _lines,
    Shape.ONE: _one,
}
