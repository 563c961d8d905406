"""Checkpoints: the size and root of a log at one moment, as the text of a signed note (C2SP tlog-checkpoint).

    consentry.example/log
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

Three lines, each ending in a line feed: origin, size in decimal, root in base64. C2SP lets further lines follow; they
are refused here, because this log writes none and nobody should sign or trust what they cannot read.
"""

import base64
import re
from dataclasses import dataclass
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES
from consent.domain.note import from_base64, is_key_name

SIZE_LIMIT: Final = 2**63
"""Sizes lie below it, so that they are positive numbers of 64 bits everywhere."""
_LINES: Final = 3


class CheckpointError(ConsentError):
    """This is no checkpoint; get it again from the log, and do not sign, anchor or compare it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log `origin` had `size` entries and this Merkle root. A wrong field raises `CheckpointError`.

    Attributes:
        origin: the log's name and that of its key: printable, without spaces and plus signs, such as
            `consentry.example/log`.
        size: how many entries, from 0 to 2^63 - 1.
        root: `consent.domain.merkle.tree_root` over their leaf hashes, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.origin):
            raise CheckpointError("an origin is printable text without spaces and plus signs")
        if type(self.size) is not int or not 0 <= self.size < SIZE_LIMIT:
            raise CheckpointError("a size is a whole number from 0 to 2^63 - 1")
        if not _is_hash(self.root):
            raise CheckpointError("a root has 32 bytes")

    def to_text(self) -> str:
        """Return the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def from_text(cls, text: str) -> "Checkpoint":
        """Read the three lines back; raise `CheckpointError` on anything but what `to_text` writes."""
        origin, size, root = _lines(text)
        if not re.fullmatch(r"0|[1-9][0-9]{0,18}", size):
            raise CheckpointError("a size is decimal without leading zeros, below 2^63")
        content = from_base64(root)
        if content is None:
            raise CheckpointError("a root is standard base64 in its one spelling")
        return cls(origin, int(size), content)


def _lines(text: object) -> list[str]:
    lines = text.split("\n") if isinstance(text, str) else []
    if len(lines) != _LINES + 1 or lines[-1]:
        raise CheckpointError("a checkpoint is three lines, each ending in a line feed")
    return lines[:_LINES]


def _is_hash(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == HASH_BYTES
