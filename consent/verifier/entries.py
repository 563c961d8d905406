"""A bundle's entries in the order of the log, each shown to be in the checkpoint's tree and read strictly.

What is yielded was in the log when its key signed the checkpoint. One line is held at a time.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any, Final

from consent.domain import bundle
from consent.domain.bundle import Contents, Kind, is_count, is_hex
from consent.domain.checkpoint import Checkpoint
from consent.domain.entry import Action
from consent.domain.hashing import NotCanonicalError, canonical_json
from consent.domain.merkle import InclusionError, leaf_hash
from consent.domain.shared_paths import PathChecker
from consent.verifier.archive import Archive
from consent.verifier.findings import NotSoundError
from consent.verifier.reading import is_deep

_NEEDED: Final = {"version", "index", "time", "actor", "action"}
_ACTIONS: Final = frozenset(action.value for action in Action)
_LONGEST_TEXT: Final = 1000


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One entry: its place, what it says, its bytes and its leaf hash."""

    index: int
    told: Mapping[str, Any]
    body: bytes
    leaf: bytes

    @property
    def item(self) -> str:
        """What findings call it."""
        return f"entry {self.index}"


def entries(archive: Archive, contents: Contents, checkpoint: Checkpoint) -> Iterator[ShownEntry]:
    """Yield each entry; raise `NotSoundError` at the first that is not shown, or where one of the scope is missing."""
    checker, scope = PathChecker(checkpoint.size, checkpoint.root), _Scope(contents)
    for number, line in enumerate(archive.lines(bundle.ENTRIES), 1):
        index, body, proof = _parts(line, f"{bundle.ENTRIES} line {number}")
        leaf = leaf_hash(body)
        try:
            checker.check(index, leaf, proof)
        except InclusionError as error:
            raise NotSoundError(f"entry {index}", str(error)) from error
        told = _told(body, index)
        scope.take(index, told)
        yield ShownEntry(index, told, body, leaf)
    scope.end()


def _parts(line: bytes, item: str) -> tuple[int, bytes, list[bytes]]:
    """Return a line's index, entry and proof; the line must be spelled as RFC 8785 spells it."""
    try:
        value = json.loads(line.decode())
        text, index, proof = value["entry"], value["index"], value["proof"]
        body, path = text.encode(), [bytes.fromhex(one) for one in proof]
        joined = '","'.join(proof)
        spelled = f'{{"entry":{encode_basestring(text)},"index":{index:d},"proof":[' + (
            f'"{joined}"]}}' if proof else "]}"
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NotSoundError(item, "a line has an index, an entry and a proof, as RFC 8785 writes them") from error
    if type(index) is not int or spelled.encode() != line or [one.hex() for one in path] != proof:
        raise NotSoundError(item, "a line has an index, an entry and a proof, as RFC 8785 writes them")
    return index, body, path


def _told(body: bytes, index: int) -> Mapping[str, Any]:
    """Return what an entry says; raise `NotSoundError` unless it is one as the log writes them."""
    item = f"entry {index}"
    if is_deep(body):
        raise NotSoundError(item, "it nests deeper than any entry does")
    try:
        told = json.loads(body)
        exact = canonical_json(told) == body
    except (ValueError, RecursionError, NotCanonicalError) as error:
        raise NotSoundError(item, "its bytes are no JSON as RFC 8785 writes it") from error
    if not exact or not isinstance(told, dict):
        raise NotSoundError(item, "its bytes are no JSON object as RFC 8785 writes it")
    if not told.keys() >= _NEEDED or told["version"] != 1 or told["index"] != index:
        raise NotSoundError(item, "it is no entry of version 1 of this place")
    for name, member in told.items():
        sound = _SOUND.get(name)
        if sound is None or not sound(member):
            raise NotSoundError(item, "a member is none of version 1, or of another kind: a newer verifier may read it")
    return told


def _is_text(member: object) -> bool:
    return isinstance(member, str) and 0 < len(member) <= _LONGEST_TEXT


def _are_categories(member: object) -> bool:
    return isinstance(member, list) and member != [] and all(map(_is_text, member)) and member == sorted(set(member))


_SOUND: Final[Mapping[str, Callable[[Any], bool]]] = {
    "version": lambda member: type(member) is int,
    "index": lambda member: type(member) is int,
    "time": is_count,
    "actor": _is_text,
    "action": lambda member: isinstance(member, str) and member in _ACTIONS,
    "verdict": _is_text,
    "subject": lambda member: is_hex(member, 32),
    "study": _is_text,
    "operation": _is_text,
    "categories": _are_categories,
    "consent": lambda member: is_hex(member, 32),
    "facts": lambda member: isinstance(member, dict) and member != {},
    "private": lambda member: is_hex(member, 64),
}


class _Scope:
    """What a bundle's kind says must be among its entries."""

    def __init__(self, contents: Contents) -> None:
        self._kind, self._scope = contents.kind, contents.scope
        self._found = 0
        self._next = int(contents.scope["first"]) if contents.kind is Kind.PERIOD else 0

    def take(self, index: int, told: Mapping[str, Any]) -> None:
        """Count an entry of the scope; raise `NotSoundError` where one of a period was left out before it."""
        kind, scope = self._kind, self._scope
        if kind is Kind.PERIOD:
            if self._next < min(index, int(scope["last"])):
                raise NotSoundError(f"entry {self._next}", "it is of this period, and is not in the bundle")
            self._next = max(self._next, index + 1)
        elif kind is Kind.RECEIPT:
            if index != scope["index"]:
                raise NotSoundError(f"entry {index}", "the bundle is about another entry")
            self._found += 1
        elif kind is not Kind.MODEL:
            self._found += told.get(kind.value if kind is Kind.STUDY else "subject") == next(iter(scope.values()))
        else:
            facts = told.get("facts")
            self._found += isinstance(facts, dict) and facts.get("model") == scope["model"]

    def end(self) -> None:
        """Raise `NotSoundError` where something of the scope is missing."""
        if self._kind is Kind.PERIOD:
            if self._next < int(self._scope["last"]):
                raise NotSoundError(f"entry {self._next}", "it is of this period, and is not in the bundle")
        elif not self._found:
            raise NotSoundError(bundle.ENTRIES, f"no entry is about the {self._kind.value} that this is evidence of")
