"""Codes that people read off paper and type: Crockford's base 32, whose letters cannot be taken for each other.

Source: Douglas Crockford, "Base 32". Groups of four with hyphens; O is read as 0, I and L as 1, in any case.
"""

import re
from typing import Final

from consent.domain.errors import ConsentError

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BITS: Final = 5
_GROUP: Final = 4
_MISREAD: Final = str.maketrans("OIL", "011")


class MistypedCodeError(ConsentError):
    """This is no such code; compare it with the paper, letter by letter."""


def written(value: int, characters: int) -> str:
    """Return a number below 32 ** characters as a code in groups of four."""
    digits = [ALPHABET[value >> _BITS * place & 31] for place in reversed(range(characters))]
    return "-".join("".join(digits[start : start + _GROUP]) for start in range(0, characters, _GROUP))


def read(text: str, characters: int) -> int:
    """Return the number that somebody typed; raise `MistypedCodeError`."""
    code = re.sub(r"[\s\-]", "", text).upper().translate(_MISREAD)
    if len(code) != characters or not set(code) <= set(ALPHABET):
        raise MistypedCodeError(f"the code has {characters} letters and digits: compare it with the paper")
    value = 0
    for digit in code:
        value = value << _BITS | ALPHABET.index(digit)
    return value
