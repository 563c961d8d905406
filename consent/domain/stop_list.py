"""The stop list: every stop, block, shred and tombstone, in an append-only list that lies apart from all databases.

Whatever is restored replays it before it serves: a backup taken before a stop knows nothing of the stop. Each line is

    {"kind": "stop", "place": 7, "previous": "<64 hex>", "signature": "<128 hex>", "time": 1800000000, "version": 1,
     "subject": "<32 hex>", "consent": "<32 hex>"}

as RFC 8785 JSON and a line feed. `place` counts from 0; `previous` is the SHA-256 of the line before with its line
feed, 32 zero bytes for the first. `signature` is Ed25519 by the log key over `consentry/stops/v1`, a line feed, and the
line's JSON without it. So the last line's signature covers them all.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Self

from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES, Json, canonical_json, sha256
from consent.domain.note import SIGNATURE_BYTES, Verifier, is_key_name
from consent.domain.terms import SubjectId

PREFIX: Final = b"consentry/stops/v1\n"
VERSION: Final = 1
NOBODY: Final = SubjectId("")
_WHOLE_BELOW: Final = 2**53
"""JSON's whole numbers are exact below this (RFC 8785)."""


class StopListError(ConsentError):
    """The stop list is damaged or another installation's; restore its newest copy, nothing serves without it."""


class StopListMissingError(StopListError):
    """There is no stop list; restore its newest copy, nothing serves without it."""


class StopListBusyError(StopListError):
    """Somebody else holds the stop list, or its disk refuses; nothing was acknowledged, see the cause, try again."""


class MarkKind(StrEnum):
    """What a line says."""

    BEGIN = "begin"
    STOP = "stop"
    BLOCK = "block"
    SHRED = "shred"
    TOMBSTONE = "tombstone"
    ENROL = "enrol"


_HEX: Final = {"subject": 32, "consent": 32, "identifier": 64}
_FIELDS: Final = {
    MarkKind.BEGIN: ("origin",),
    MarkKind.STOP: ("subject", "consent"),
    MarkKind.BLOCK: ("subject",),
    MarkKind.SHRED: ("subject",),
    MarkKind.TOMBSTONE: ("identifier",),
    MarkKind.ENROL: ("identifier",),
}
_EVERY_LINE: Final = frozenset({"version", "place", "previous", "time", "kind", "signature"})
_NAMES: Final = {kind: _EVERY_LINE | set(fields) for kind, fields in _FIELDS.items()}
_PATTERNS: Final = {name: re.compile(f"[0-9a-f]{{{digits}}}") for name, digits in _HEX.items()}
_SIGNATURE: Final = re.compile(f"[0-9a-f]{{{2 * SIGNATURE_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that must never be forgotten. A field too many, too few or of the wrong form raises `StopListError`.

    Attributes:
        kind: BEGIN names the list's log, as its first line does; STOP ends a consent; BLOCK ends all reading of a
            subject; SHRED says that the subject's key may be destroyed; TOMBSTONE refuses an identifier; ENROL lifts
            that, for a person who came back.
        time: Unix seconds.
        subject: the SubjectId, for STOP, BLOCK and SHRED.
        consent: the consent's id, 32 hex digits, for STOP.
        identifier: the keyed HMAC-SHA256 of the hospital's identifier, 64 hex digits, for TOMBSTONE and ENROL.
        origin: the log's name, for BEGIN.
    """

    kind: MarkKind
    time: int
    subject: SubjectId = NOBODY
    consent: str = ""
    identifier: str = ""
    origin: str = ""

    def __post_init__(self) -> None:
        if type(self.time) is not int or not 0 <= self.time < _WHOLE_BELOW:
            raise StopListError("a mark's time is in Unix seconds: write it anew")
        belonging = _FIELDS[self.kind]
        for name in ("subject", "consent", "identifier", "origin"):
            if not (_is_sound(name, getattr(self, name)) if name in belonging else getattr(self, name) == ""):
                raise StopListError(f"a mark of kind {self.kind.value} has another {name}: write it anew")


@dataclass(frozen=True, slots=True)
class Head:
    """Up to where a list goes: how many lines, and the SHA-256 of the last; whoever keeps it sees a list cut short."""

    lines: int = 0
    hash: bytes = bytes(HASH_BYTES)

    def after(self, line: bytes) -> Self:
        """Return the head once `line`, with its line feed, has followed."""
        return replace(self, lines=self.lines + 1, hash=sha256(line))


def write_line(head: Head, mark: Mark, sign: Callable[[bytes], bytes]) -> bytes:
    """Return the line that follows `head`, with its line feed; `sign` gives the log key's 64 bytes."""
    value = _unsigned(head, mark)
    return canonical_json(value | {"signature": sign(PREFIX + canonical_json(value)).hex()}) + b"\n"


def _unsigned(head: Head, mark: Mark) -> dict[str, Json]:
    value: dict[str, Json] = {"version": VERSION, "place": head.lines, "previous": head.hash.hex()}
    value |= {"time": mark.time, "kind": mark.kind.value}
    return value | {name: getattr(mark, name) for name in _FIELDS[mark.kind]}


@dataclass(slots=True)
class Chain:
    """Reads lines one after the other, and checks that each follows the one before.

    What was taken counts once `require_signed` has passed: the last signature covers every line.

    Attributes:
        origin: the log whose list it must be.
        verify: whether the log key signed a message.
        head: up to where it has been read.
    """

    origin: str
    verify: Verifier
    head: Head = Head()
    _last: tuple[Head, Mark, bytes] | None = field(default=None, repr=False)

    def take(self, line: bytes) -> Mark:
        """Take the next line, with its line feed; raise `StopListError` when it does not follow."""
        try:
            mark, signature = _read(line, self.head)
        except (ValueError, RecursionError, StopListError) as error:
            raise self._damaged() from error
        if (mark.kind is MarkKind.BEGIN) != (self.head.lines == 0):
            raise self._damaged()
        if mark.kind is MarkKind.BEGIN and mark.origin != self.origin:
            raise StopListError("the stop list is another installation's: restore the newest copy of this one's")
        self._last = (self.head, mark, signature)
        self.head = self.head.after(line)
        return mark

    def require_signed(self) -> None:
        """Raise `StopListError` unless the log key signed the line that was taken last."""
        if self._last is None:
            return
        before, mark, signature = self._last
        signed = self.verify(PREFIX + canonical_json(_unsigned(before, mark)), signature)
        # Written again, it must be the same line: JSON has many spellings, and the signature covers one of them.
        if not signed or sha256(write_line(before, mark, lambda _: signature)) != self.head.hash:
            raise StopListError("the stop list is not signed by this log's key: restore its newest copy")

    def _damaged(self) -> StopListError:
        return StopListError(f"the stop list is damaged at line {self.head.lines + 1}: restore its newest copy")


def _read(line: bytes, head: Head) -> tuple[Mark, bytes]:
    """Read the line that follows `head`; raises ValueError or `StopListError` on anything else."""
    value = json.loads(line)
    if not isinstance(value, dict) or not line.endswith(b"}\n"):
        raise ValueError("a line is one JSON object and a line feed")
    kind = MarkKind(str(value.get("kind")))
    expected = {"version": VERSION, "place": head.lines, "previous": head.hash.hex()}
    # 1.0 and true are equal to 1 in Python and are other JSON.
    if any(value.get(name) != member or type(value[name]) is not type(member) for name, member in expected.items()):
        raise ValueError("the line does not follow the one before")
    signature = value.get("signature")
    if value.keys() != _NAMES[kind] or not isinstance(signature, str) or not _SIGNATURE.fullmatch(signature):
        raise ValueError("a line has exactly the published fields")
    return Mark(kind, value["time"], **{name: value[name] for name in _FIELDS[kind]}), bytes.fromhex(signature)


def _is_sound(name: str, text: object) -> bool:
    if name == "origin":
        return is_key_name(text)
    return isinstance(text, str) and _PATTERNS[name].fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class StopState:
    """What the marks add up to.

    Attributes:
        stopped: ids of stopped consents.
        blocked: subjects of whom nothing is read any more.
        shredded: those among them whose key may be gone.
        tombstoned: HMACs of identifiers that are refused.
        lifted: HMACs of identifiers that were refused and are welcome again.
        head: up to where the list went.
    """

    stopped: frozenset[str] = frozenset()
    blocked: frozenset[SubjectId] = frozenset()
    shredded: frozenset[SubjectId] = frozenset()
    tombstoned: frozenset[str] = frozenset()
    lifted: frozenset[str] = frozenset()
    head: Head = Head()

    def after(self, marks: Sequence[Mark], head: Head) -> "StopState":
        """Return the state once these marks have followed, up to `head`."""
        shredded = self.shredded | {mark.subject for mark in marks if mark.kind is MarkKind.SHRED}
        refused = {mark.identifier: mark.kind is MarkKind.TOMBSTONE for mark in marks if mark.identifier}
        return StopState(
            stopped=self.stopped | {mark.consent for mark in marks if mark.kind is MarkKind.STOP},
            blocked=self.blocked | shredded | {mark.subject for mark in marks if mark.kind is MarkKind.BLOCK},
            shredded=shredded,
            tombstoned=self.tombstoned - refused.keys() | {identifier for identifier, is_ in refused.items() if is_},
            lifted=self.lifted - refused.keys() | {identifier for identifier, is_ in refused.items() if not is_},
            head=head,
        )
