"""The registry's events and the hash that they fold to.

Whoever holds all events can recompute `history` and compare it with the contract's: a dropped, added, reordered,
altered or backdated event changes it, so absence can be shown too. Each event folds in log order, in the contract
and here alike, each member one 32-byte word (Solidity ABI encoding):

    history' = keccak256(history || kind || patient || commitment || detail || block number || block time)

`kind` is 1 for Granted and 2 for Revoked; `detail` is the grant's `expires` or the revoker's address. It starts at
32 zero bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consent.domain.hashing import keccak
from consent.domain.typed_data import Address, word

EMPTY_HISTORY: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Granted:
    """The registry saw a valid signed grant; `expires` in Unix seconds, `time` the block's."""

    patient: Address
    commitment: bytes
    expires: int
    block: int
    time: int


@dataclass(frozen=True, slots=True)
class Revoked:
    """A commitment of `patient` is dead for ever; `by` is the patient or the custodian."""

    patient: Address
    commitment: bytes
    by: Address
    block: int
    time: int


Event = Granted | Revoked


def fold(history: bytes, events: Iterable[Event]) -> bytes:
    """Return the history hash after `events`, which are in log order."""
    for event in events:
        kind, detail = (1, word(event.expires)) if isinstance(event, Granted) else (2, word(event.by))
        history = keccak(
            b"".join(
                (
                    history,
                    word(kind),
                    word(event.patient),
                    event.commitment,
                    detail,
                    word(event.block),
                    word(event.time),
                )
            )
        )
    return history
