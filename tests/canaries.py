"""What stands in every record of the tests' hospital, and must come out nowhere else, in whatever spelling."""

import base64
import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from tests.services.house import CANARY_NAME, CANARY_VALUE

SHORTEST: Final = 6
"""So many characters of a canary are one."""


def spellings(text: str) -> Iterator[bytes]:
    """Yield how a text may look: plain, in any case, reversed, quoted, hex, base64 at each of three offsets."""
    plain = text.encode()
    yield from {plain, text.lower().encode(), text.upper().encode(), plain[::-1], quote(text).encode()}
    yield plain.hex().encode()
    yield json.dumps(text)[1:-1].encode()
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + plain).decode()
        yield coded[4 if offset else 0 :].rstrip("=")[:-2].encode()


SPELLINGS: Final = tuple({one for text in (CANARY_NAME, CANARY_VALUE) for one in spellings(text)})


def found_in(content: bytes | str) -> list[bytes]:
    """Return the spellings of canaries that stand in some content."""
    raw = content.encode() if isinstance(content, str) else content
    return [one for one in SPELLINGS if len(one) >= SHORTEST and one in raw]
