"""Which of a person's entries are worth reading: by bytes that they hold, so that a database tells without parsing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consent.domain.entry import Action

HOUSE: Final = frozenset(
    {
        Action.APPROVE, Action.CLIENT, Action.COUNT, Action.EXPORT, Action.KEYS, Action.LEDGER, Action.OPERATOR,
        Action.RELEASE, Action.RETIRE, Action.REVIEW, Action.STAFF, Action.TRAIN,
    }
)  # fmt: skip
"""Actions that are about the house and nobody's records: few of the log's entries, found without reading the rest."""


@dataclass(frozen=True, slots=True)
class Sieve:
    """Lets through what holds one of `having`, where there are any, and none of `lacking`.

    A mark is `"name":"value"` as an entry spells it. JSON's quotes are escaped inside texts, so no text looks like one;
    a fact may, so whoever asks looks again at what came through.
    """

    having: Sequence[bytes] = ()
    lacking: Sequence[bytes] = ()


EVERYTHING: Final = Sieve()

RECEIPTED: Final = Sieve(
    having=(b'{"action":"grant","actor":', b'{"action":"stop","actor":', b'{"action":"erase","actor":')
)
"""What there may be receipts of; it has its index (migration 0013)."""
