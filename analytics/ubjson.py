"""Universal Binary JSON (https://ubjson.org, draft 12) as XGBoost writes its models, read strictly.

XGBoost itself aborts the whole program on some malformed bytes; whatever it is to load goes through here first.

    {  (key length, key, value)...  }            keys without marker S; lengths as typed integers, i U I l L
    [ $ type # count (elements)...               arrays of numbers, big-endian: U i I l L d D
    [ # count (values)...      [ (values)... ]
    S length bytes, T, F, Z, and single numbers
"""

import struct
from typing import Any, Final

import numpy as np

from analytics.errors import ModelError

_NUMBERS: Final = {b"i": "i1", b"U": "u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_LENGTHS: Final = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}
_CONSTANTS: Final = {b"T": True, b"F": False, b"Z": None}
_DEPTH: Final = 32


def parse(content: bytes | bytearray) -> Any:  # noqa: ANN401  # whatever the document holds
    """Return the document, arrays of numbers as numpy arrays; raise `ModelError` unless it is one whole object.

    Those of a bytearray share its memory: what is written into them stands in it.
    """
    reader = _Reader(content)
    value = reader.value(0)
    if reader.place != len(content) or not isinstance(value, dict):
        raise _malformed()
    return value


class _Reader:
    """A place in the bytes; every step checks that what it reads is there."""

    def __init__(self, content: bytes | bytearray) -> None:
        self.content = content
        self.place = 0

    def value(self, depth: int) -> Any:  # noqa: ANN401  # whatever the document holds
        if depth > _DEPTH:
            raise _malformed()
        marker = self._take(1)
        if marker == b"{":
            return self._object(depth)
        if marker == b"[":
            return self._array(depth)
        if marker == b"S":
            return self._text()
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        return self._numbers(marker, 1)[0].item()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._skip(b"}"):
            key = self._text()
            if key in found:
                raise _malformed()
            found[key] = self.value(depth + 1)
        return found

    def _array(self, depth: int) -> Any:  # noqa: ANN401  # a list or an array of numbers
        if self._skip(b"$"):
            marker = self._take(1)
            self._expect(b"#")
            return self._numbers(marker, self._length())
        if self._skip(b"#"):
            # Each value takes a byte at least, so that a count beyond the file ends at the file's end.
            return [self.value(depth + 1) for _ in range(self._length())]
        found = []
        while not self._skip(b"]"):
            found.append(self.value(depth + 1))
        return found

    def _numbers(self, marker: bytes, count: int) -> Any:  # noqa: ANN401  # numpy arrays of any number type
        if marker not in _NUMBERS:
            raise _malformed()
        kind = np.dtype(_NUMBERS[marker])
        start = self._pass(kind.itemsize * count)
        return np.frombuffer(self.content, kind, count, start) if count else np.empty(0, kind)

    def _text(self) -> str:
        try:
            return self._take(self._length()).decode()
        except UnicodeDecodeError as error:
            raise _malformed() from error

    def _length(self) -> int:
        marker = self._take(1)
        if marker not in _LENGTHS:
            raise _malformed()
        form = _LENGTHS[marker]
        (length,) = struct.unpack(form, self._take(struct.calcsize(form)))
        if length < 0:
            raise _malformed()
        return int(length)

    def _take(self, count: int) -> bytes:
        start = self._pass(count)
        return bytes(self.content[start : self.place])

    def _pass(self, count: int) -> int:
        """Go over so many bytes, which must be there; return where they start."""
        start = self.place
        if start + count > len(self.content):
            raise _malformed()
        self.place += count
        return start

    def _skip(self, marker: bytes) -> bool:
        """Take the marker if it comes next."""
        here = self.content[self.place : self.place + 1] == marker
        self.place += here
        return here

    def _expect(self, marker: bytes) -> None:
        if not self._skip(marker):
            raise _malformed()


def _malformed() -> ModelError:
    return ModelError("these bytes are no whole XGBoost model: get the released file again")
