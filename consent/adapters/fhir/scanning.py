"""JSON values out of a file of any length, with one of them in memory at a time.

Only strings and brackets are looked at, so that a value that is wrong inside spoils itself alone; what is taken here
is read strictly later.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from consent.adapters.fhir.strict_json import NotJsonError, parse
from consent.domain.errors import ConsentError

CHUNK: Final = 256 * 1024
NAME_LIMIT: Final = 1024

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT: Final = rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+"
_LEVEL: Final = rb'(?:[^"{}\[\]]++|' + _STRING + rb"|\{" + _FLAT + rb"\}|\[" + _FLAT + rb"\])*+"
_LEVEL_TEXT: Final = re.compile(_LEVEL, re.DOTALL)
"""Whatever stands between the brackets that matter: whole strings, and whole objects and arrays that hold no others."""
_STRING_BODY: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_PLAIN: Final = re.compile(rb'[^\s,:"{}\[\]]*+')
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_DEPTH: Final = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


class BrokenFileError(ConsentError):
    """From here on the file makes no sense; `args[0]` ends a sentence about the file."""


class Scanner:
    """Goes through a binary file once, value by value."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = bytearray()
        self._at = 0

    def peek(self) -> bytes:
        """Return the next byte that is no white space; nothing at the end of the file."""
        while True:
            found = _SPACE.match(self._buffer, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._buffer) or not self._more():
                return bytes(self._buffer[self._at : self._at + 1])

    def expect(self, byte: bytes) -> None:
        """Go past this byte; raises `BrokenFileError` when another one comes."""
        found = self.peek()
        if found != byte:
            raise BrokenFileError(
                "is not JSON: export it as FHIR JSON" if found else "ends in the midst: copy it again"
            )
        self._at += 1

    def members(self) -> Iterator[str]:
        """Yield the name of each member of the object that comes; whoever asks takes the value before the next."""
        self.expect(b"{")
        seen: set[str] = set()
        while self.peek() != b"}":
            if seen:
                self.expect(b",")
            name = self._name()
            if name in seen:
                raise BrokenFileError("names a field twice: export it again")
            seen.add(name)
            self.expect(b":")
            yield name
        self._at += 1

    def elements(self) -> Iterator[None]:
        """Stand before each element of the array that comes; whoever asks takes it before the next."""
        self.expect(b"[")
        first = True
        while self.peek() != b"]":
            if not first:
                self.expect(b",")
            first = False
            yield
        self._at += 1

    def take(self, limit: int) -> bytes | None:
        """Return the value that comes, None when it has more than `limit` bytes; either way it is behind us then."""
        if self.peek() in {b"{", b"[", b'"'}:
            return self._structured(limit)
        return self._plain()

    def _name(self) -> str:
        if self.peek() != b'"':
            raise BrokenFileError("is not JSON: export it as FHIR JSON")
        try:
            name = parse(self.take(NAME_LIMIT) or b"")
        except NotJsonError as error:
            raise BrokenFileError(str(error)) from None
        return str(name)

    def _plain(self) -> bytes:
        while True:
            found = _PLAIN.match(self._buffer, self._at)
            end = found.end() if found else self._at
            if end - self._at > NAME_LIMIT or end == self._at < len(self._buffer):
                raise BrokenFileError("is not JSON: export it as FHIR JSON")
            if end < len(self._buffer) or not self._more():
                break
        value = bytes(self._buffer[self._at : end])
        self._at = end
        if not value:
            raise BrokenFileError("ends in the midst: copy it again")
        return value

    def _structured(self, limit: int) -> bytes | None:
        way, fits = _Way(), True
        while not self._walk(way):
            fits = fits and way.ahead <= limit
            if not fits:
                self._at += way.ahead
                way.ahead = 0
            if not self._more():
                raise BrokenFileError("ends in the midst: copy it again")
        value = bytes(self._buffer[self._at : self._at + way.ahead]) if fits and way.ahead <= limit else None
        self._at += way.ahead
        return value

    def _walk(self, way: "_Way") -> bool:
        """Go on to where the value ends, which is True, or to where the buffer does."""
        buffer, at = self._buffer, self._at + way.ahead
        while at < len(buffer):
            if way.depth or way.in_string:
                found = (_STRING_BODY if way.in_string else _LEVEL_TEXT).match(buffer, at)
                at = found.end() if found else at
            mark = buffer[at : at + 1]
            if way.in_string and mark != b'"':  # in the midst of a string, perhaps behind a backslash
                break
            at += len(mark)
            way.in_string = mark == b'"' and not way.in_string
            way.depth += _DEPTH.get(bytes(mark), 0)
            if mark and not way.depth and not way.in_string:
                way.ahead = at - self._at
                return True
        way.ahead = at - self._at
        return False

    def _more(self) -> bool:
        """Read on, dropping what is behind us; growing reads keep a long value from being copied often."""
        del self._buffer[: self._at]
        self._at = 0
        read = self._file.read(max(CHUNK, len(self._buffer)))
        self._buffer += read
        return bool(read)


@dataclass(slots=True)
class _Way:
    """How far a value has been walked: so many bytes, in so many brackets, perhaps in a string."""

    ahead: int = 0
    depth: int = 0
    in_string: bool = False
