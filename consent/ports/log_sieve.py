"""Which of a person's entries are worth reading: by bytes that they hold, so that a database tells without parsing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sieve:
    """Lets through what holds one of `having`, where there are any, and none of `lacking`.

    A mark is `"name":"value"` as an entry spells it. JSON's quotes are escaped inside texts, so no text looks like one;
    a fact may, so whoever asks looks again at what came through.
    """

    having: Sequence[bytes] = ()
    lacking: Sequence[bytes] = ()


EVERYTHING: Final = Sieve()
