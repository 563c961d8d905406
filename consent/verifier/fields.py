"""Strict reading of small files: what is missing, unknown or of another kind is named by its place, never repeated."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from consent.domain.errors import ConsentError

LARGEST_FILE: Final = 16 * 1024 * 1024
"""In bytes; a chain view of a hundred thousand models has some that many."""
LARGEST_WHOLE: Final = 2**53 - 1
"""The largest whole number that canonical JSON spells; sizes, blocks and chain ids are none larger."""
_MOST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Fields:
    """The members of one object, each read as one kind.

    Attributes:
        members: by name.
        where: how messages call the object, such as `chain`.
        error: what is raised; its message says what belongs there.
    """

    members: Mapping[str, object]
    where: str
    error: type[ConsentError]

    @classmethod
    def of(
        cls,
        value: object,
        where: str,
        error: type[ConsentError],
        needed: Collection[str],
        optional: Collection[str] = (),
    ) -> Self:
        """Take an object that has all `needed` members and no others but `optional` ones."""
        if not isinstance(value, dict) or not set(needed) <= value.keys() <= {*needed, *optional}:
            known = ", ".join(sorted(needed)) + (f"; it may have {', '.join(sorted(optional))}" if optional else "")
            raise error(f"{where} has exactly these fields: {known}")
        return cls(value, where, error)

    def has(self, name: str) -> bool:
        """Say whether an optional member is there."""
        return name in self.members

    def table(self, name: str, needed: Collection[str], optional: Collection[str] = ()) -> "Fields":
        """Return a member that is an object itself."""
        return Fields.of(self.members[name], f"{self.where}.{name}", self.error, needed, optional)

    def tables(self, name: str, needed: Collection[str], optional: Collection[str] = ()) -> "list[Fields]":
        """Return a member that is a list of objects."""
        where = f"{self.where}.{name}"
        return [
            Fields.of(each, f"{where} {place}", self.error, needed, optional)
            for place, each in enumerate(self._list(name), 1)
        ]

    def text(self, name: str, most: int = 1000) -> str:
        """Return a printable text of 1 to `most` characters."""
        value = self.members[name]
        if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
            raise self.error(f"{self.where}.{name} is a printable text of at most {most} characters")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of printable texts."""
        return [Fields({name: each}, self.where, self.error).text(name) for each in self._list(name)]

    def whole(self, name: str, least: int = 0, most: int = _MOST) -> int:
        """Return a whole number from `least` to `most`."""
        value = self.members[name]
        if type(value) is not int or not least <= value <= most:
            raise self.error(f"{self.where}.{name} is a whole number from {least} to {most}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false, `default` where the member is not there."""
        value = self.members.get(name, default)
        if not isinstance(value, bool):
            raise self.error(f"{self.where}.{name} is true or false")
        return value

    def hex(self, name: str, length: int, prefix: str = "") -> bytes:
        """Return `length` bytes out of lower-case hex digits behind `prefix`."""
        value = self.members[name]
        if not isinstance(value, str) or not re.fullmatch(f"{prefix}[0-9a-f]{{{2 * length}}}", value):
            behind = f"{prefix} and " if prefix else ""
            raise self.error(f"{self.where}.{name} is {behind}{2 * length} lower-case hex digits")
        return bytes.fromhex(value.removeprefix(prefix))

    def hexes(self, name: str, length: int) -> list[bytes]:
        """Return a list of such bytes."""
        return [Fields({name: each}, self.where, self.error).hex(name, length) for each in self._list(name)]

    def _list(self, name: str) -> list[object]:
        value = self.members[name]
        if not isinstance(value, list):
            raise self.error(f"{self.where}.{name} is a list")
        return value


def read_file(path: Path, what: str, error: type[ConsentError], most: int = LARGEST_FILE) -> bytes:
    """Return a file's bytes; raise `error`, which names `what` it was to be, when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as failure:
        raise error(f"{what} cannot be read: name a file that is there") from failure
    if len(content) > most:
        raise error(f"{what} is larger than {most} bytes: name another file")
    return content


def parsed_json(content: bytes, what: str, error: type[ConsentError]) -> object:
    """Return the value of JSON in UTF-8; raise `error` for anything else, also where an object names a member twice."""
    try:
        return json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as failure:
        raise error(f"{what} is no JSON in which each name stands once") from failure


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _no_number(_: str) -> object:
    raise ValueError
