"""Everything that can be done to a bundle: each byte, file, line and field altered, dropped, doubled or moved.

`from_outside` alters the archive as whoever carries it could; what `from_inside` and `from_the_table` alter is to get
hashes and the log key's signature anew, as only the operator can.
"""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from consent.domain.hashing import canonical_json

Files = dict[str, bytes]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutant:
    """What was done, at which place of which file, and what became of the files."""

    done: str
    file: str
    place: str
    files: Files

    def __str__(self) -> str:
        return f"{self.file} {self.place} {self.done}"


def from_outside(files: Files) -> Iterator[Mutant]:
    """Yield bundles whose files were altered, dropped, doubled under another name or moved."""
    names = list(files)
    for place, name in enumerate(names):
        content = files[name]
        for at in {0, len(content) // 3, len(content) - 1} if content else ():
            for bit in (0, 5):
                altered = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
                yield Mutant("flipped", name, f"byte {at} bit {bit}", {**files, name: altered})
        yield Mutant("cut", name, "", {**files, name: content[:-1]}) if content else _extended(files, name)
        yield _extended(files, name)
        yield Mutant("dropped", name, "", {one: files[one] for one in names if one != name})
        yield Mutant("doubled", name, "", {**files, name.replace(".", "2."): content})
        if place:
            moved = [*names[: place - 1], name, names[place - 1], *names[place + 1 :]]
            yield Mutant("moved", name, "", {one: files[one] for one in moved})


def _extended(files: Files, name: str) -> Mutant:
    return Mutant("extended", name, "", {**files, name: files[name] + b"\n"})


def from_inside(files: Files) -> Iterator[Mutant]:
    """Yield the files behind the table of contents with lines and fields altered, dropped, doubled or moved."""
    for name, content in files.items():
        if name.endswith(".txt"):
            yield from _text(files, name)
        elif name.endswith(".json"):
            for done, place, value in _values(json.loads(content)):
                yield Mutant(done, name, place, {**files, name: canonical_json(value)})
        else:
            yield from _lines(files, name)
        yield Mutant("dropped", name, "", {one: files[one] for one in files if one != name})


def from_the_table(table: Any, others: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield tables of contents, their files aside, that say something else; `others` are kinds with their scopes."""
    told = {name: value for name, value in table.items() if name != "files"}
    for done, where, value in _values(told):
        yield f"{where} {done}", value | {"files": table["files"]}
    for path, number in _members(told, ()):
        if isinstance(number, int):
            yield f"{'.'.join(map(str, path))} lowered", _at(table, path, lambda holder, name: _set(holder, name, -1))
    for kind, scope in others:
        if (kind, scope) != (table["kind"], table["scope"]):
            yield f"as {kind} {scope}", table | {"kind": kind, "scope": scope}


def _set(holder: Any, name: Any, more: int) -> None:
    holder[name] += more


def _text(files: Files, name: str) -> Iterator[Mutant]:
    lines = files[name].split(b"\n")
    for place in range(len(lines)):
        without = [*lines[:place], *lines[place + 1 :]]
        yield Mutant("dropped", name, f"line {place + 1}", {**files, name: b"\n".join(without)})
        twice = [*lines[: place + 1], *lines[place:]]
        yield Mutant("doubled", name, f"line {place + 1}", {**files, name: b"\n".join(twice)})


def _lines(files: Files, name: str) -> Iterator[Mutant]:
    lines = files[name].splitlines(keepends=True)
    for place, line in enumerate(lines):
        where = f"line {place + 1}"

        def altered(done: str, new: list[bytes], where: str = where) -> Mutant:
            return Mutant(done, name, where, {**files, name: b"".join(new)})

        yield altered("dropped", [*lines[:place], *lines[place + 1 :]])
        yield altered("doubled", [*lines[: place + 1], *lines[place:]])
        if place:
            yield altered("moved", [*lines[: place - 1], line, lines[place - 1], *lines[place + 1 :]])
        for done, at, value in _values(json.loads(line)):
            new = [*lines[:place], canonical_json(value) + b"\n", *lines[place + 1 :]]
            yield Mutant(done, name, f"{where} {at}", {**files, name: b"".join(new)})


def _values(value: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield a value with each member altered, dropped and, in lists, doubled and moved."""
    for path, member in _members(value, ()):
        where = ".".join(map(str, path))
        yield "altered", where, _at(value, path, _alter)
        yield "dropped", where, _at(value, path, lambda holder, name: holder.pop(name))
        if member is not None:
            yield "emptied", where, _at(value, path, _empty)
        if isinstance(path[-1], int):
            yield "doubled", where, _at(value, path, lambda holder, name: holder.insert(name, holder[name]))
        if isinstance(path[-1], int) and path[-1] and isinstance(member, (str, int)):
            moved = _at(value, path, lambda holder, name: holder.insert(name - 1, holder.pop(name)))
            if moved != value:
                yield "moved", where, moved


def _alter(holder: Any, name: Any) -> None:
    holder[name] = _other(holder[name])


def _empty(holder: Any, name: Any) -> None:
    holder[name] = None


def _members(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    pairs: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for name, member in pairs:
        yield (*path, name), member
        yield from _members(member, (*path, name))


def _at(value: Any, path: Path, act: Callable[[Any, Any], object]) -> Any:
    whole = copy.deepcopy(value)
    holder = whole
    for name in path[:-1]:
        holder = holder[name]
    act(holder, path[-1])
    return whole


_HEX: Final = set("0123456789abcdef")


def _other(value: Any) -> Any:
    """Return a value of the same kind that is another one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        if value and set(value) <= _HEX:
            return value[:-1] + ("0" if value[-1] != "0" else "1")
        return value[:-2] + "x" + value[-1:] if len(value) > 1 and value[-2] != "x" else value + "y"
    if value is None:
        return "00" * 16
    return [] if isinstance(value, dict) else {}
