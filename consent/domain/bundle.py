"""Evidence bundles: which files one has, by kind, and how its table of contents reads.

    bundle.json      {"version":1, "kind", "scope", "origin", "made", "size", "files": {name: {"bytes", "sha256"}}}

A bundle is a zip archive. `bundle.json` is canonical JSON (RFC 8785), comes first and names every other file with its
length and its SHA-256, but for `bundle.sig`, which comes second: the log key's Ed25519 signature over
`consentry/bundle/v1`, a line feed and `bundle.json`, as 128 hex digits and a line feed. What the files hold:
docs/spec/bundle.md.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import Json, NotCanonicalError, canonical_json

CONTENTS: Final = "bundle.json"
SIGNATURE: Final = "bundle.sig"
CHECKPOINT: Final = "checkpoint.txt"
CERTIFICATE: Final = "certificate.json"
CONSISTENCY: Final = "consistency.ndjson"
ENTRIES: Final = "entries.ndjson"
RECEIPTS: Final = "receipts.ndjson"
CHAIN: Final = "chain.json"
EVENTS: Final = "events.ndjson"
CONSENTS: Final = "consents.ndjson"
MANIFESTS: Final = "manifests.ndjson"
SERVED: Final = "served.ndjson"
_PREFIX: Final = b"consentry/bundle/v1\n"
_ROWS: Final = re.compile(r"rows/(0|[1-9][0-9]{0,5})\.ndjson")
_WHOLE_BELOW: Final = 2**53
_LONGEST_ORIGIN: Final = 200
_HEX: Final = {"subject": 32, "model": 64}


class InvalidBundleError(ConsentError):
    """This is no evidence bundle of version 1, or a damaged one; get it again from the installation."""


class Kind(StrEnum):
    """What a bundle is evidence of."""

    RECEIPT = "receipt"
    PATIENT = "patient"
    STUDY = "study"
    MODEL = "model"
    PERIOD = "period"


SCOPES: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.RECEIPT: ("index",),
    Kind.PATIENT: ("subject",),
    Kind.STUDY: ("study",),
    Kind.MODEL: ("model",),
    Kind.PERIOD: ("first", "last"),
}
"""The members of each kind's scope."""
_LEAST: Final = (CHECKPOINT, CONSISTENCY, ENTRIES, RECEIPTS)
_WHOLE: Final = (*_LEAST, CHAIN, EVENTS, CONSENTS, MANIFESTS, SERVED)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of a bundle: its length in bytes, and its SHA-256 as 64 hex digits."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """A bundle's table of contents. A wrong member raises `InvalidBundleError`.

    Attributes:
        kind: what it is evidence of.
        scope: of what exactly; its members are those of `SCOPES`.
        origin: the log's name.
        made: Unix seconds.
        size: of the checkpoint that it stands on.
        files: every file but this one, by name.
    """

    kind: Kind
    scope: Mapping[str, int | str]
    origin: str
    made: int
    size: int
    files: Mapping[str, FileFacts]

    def __post_init__(self) -> None:
        if set(self.scope) != set(SCOPES[self.kind]) or not all(map(_is_scope, self.scope.items())):
            raise InvalidBundleError("the scope has not the members of its kind")
        if self.kind is Kind.PERIOD and not int(self.scope["first"]) < int(self.scope["last"]) <= self.size:
            raise InvalidBundleError("a period begins before it ends, at the checkpoint's size at the latest")
        if not all(map(is_count, (self.made, self.size))):
            raise InvalidBundleError("times and sizes are whole numbers from 0 on")
        if not self.origin or len(self.origin) > _LONGEST_ORIGIN:
            raise InvalidBundleError("the origin is a short text")
        self._require_files()

    def _require_files(self) -> None:
        needed = set(_LEAST if self.kind is Kind.RECEIPT else _WHOLE)
        rows = {name for name in self.files if _ROWS.fullmatch(name)}
        extra = set(self.files) - needed - {CERTIFICATE} - (set() if self.kind is Kind.RECEIPT else rows)
        if needed - set(self.files) or extra or rows != {rows_of(place) for place in range(len(rows))}:
            raise InvalidBundleError("the files are not those of its kind")
        for facts in self.files.values():
            if not is_count(facts.bytes) or not is_hex(facts.sha256, 64):
                raise InvalidBundleError("a file has a length and a SHA-256")

    def signed_bytes(self) -> bytes:
        """Return what the log key signs."""
        return _PREFIX + self.to_bytes()

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        files: dict[str, Json] = {
            name: {"bytes": facts.bytes, "sha256": facts.sha256} for name, facts in self.files.items()
        }
        value: dict[str, Json] = {"version": 1, "kind": self.kind.value, "scope": dict(self.scope)}
        return canonical_json(
            value | {"origin": self.origin, "made": self.made, "size": self.size, "files": files}
        )  # fmt: skip

    @classmethod
    def from_bytes(cls, content: bytes) -> "Contents":
        """Read it back; raise `InvalidBundleError` on anything but what `to_bytes` writes."""
        try:
            value = json.loads(content)
            files = {str(name): FileFacts(facts["bytes"], facts["sha256"]) for name, facts in value["files"].items()}
            read = cls(
                Kind(value["kind"]), dict(value["scope"]), str(value["origin"]), value["made"], value["size"], files
            )
            exact = read.to_bytes() == content
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, NotCanonicalError) as error:
            raise InvalidBundleError("the table of contents is not one of version 1") from error
        if not exact:
            raise InvalidBundleError("the table of contents is not spelled as version 1 spells it")
        return read


def rows_of(place: int) -> str:
    """Return the name of the file with the rows of the manifest on line `place`, counted from 0."""
    return f"rows/{place}.ndjson"


def is_count(value: object) -> bool:
    """Say whether a value is a whole number from 0 on that JSON keeps exactly."""
    return type(value) is int and 0 <= value < _WHOLE_BELOW


def is_hex(value: object, digits: int) -> bool:
    """Say whether a value is so many lower-case hex digits."""
    return isinstance(value, str) and len(value) == digits and not value.strip("0123456789abcdef")


def _is_scope(member: tuple[str, int | str]) -> bool:
    name, value = member
    if name in _HEX:
        return is_hex(value, _HEX[name])
    if name == "study":
        return isinstance(value, str) and 0 < len(value) <= _LONGEST_ORIGIN
    return is_count(value)
