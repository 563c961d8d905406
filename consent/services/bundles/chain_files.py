"""The files of a bundle that come from the chain: which one it is, and every event up to a final block.

chain.json      {"version": 1, "chain_id", "registry", "model_registry", "log_anchor"}
events.ndjson   {"kind": "granted", "patient", "commitment", "expires", "block", "time"}
{"kind": "revoked", "patient", "commitment", "by", "block", "time"}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from consent.domain.bundle import CHAIN, EVENTS, is_count
from consent.domain.errors import LedgerMismatchError, LedgerUnavailableError
from consent.domain.hashing import Json
from consent.domain.history import EMPTY_HISTORY, Event, Granted, fold
from consent.domain.typed_data import Address
from consent.ports import Head, Ledger, Unit
from consent.services.bundles.spool import Spool

_BLOCKS: Final = 1000
"""So many blocks are asked for at a time."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A ledger, open for reading, and where its model registry and its anchor stand."""

    ledger: Ledger
    model_registry: Address
    log_anchor: Address


def final_block(unit: Unit, ledger: Ledger) -> Head:
    """Return the newest final block; raise `LedgerUnavailableError` where decisions rested on a newer one."""
    final, known = ledger.final(), unit.projection.head()
    if known is not None and final.number < known.final.number:
        raise LedgerUnavailableError("this node lags behind what was read before: try again, or ask another")
    return final


def add_chain(spool: Spool, chain: Chain, final: Head) -> None:
    """Add what the chain says up to a final block.

    Raises `LedgerMismatchError` where its events do not fold to the contract's history.
    """
    spool.add_json(CHAIN, _place(chain))
    history = _History()
    spool.add_lines(EVENTS, history.lines(chain.ledger, final.number))
    if history.folded != chain.ledger.history(final.number):
        raise LedgerMismatchError("the chain's events do not fold to the contract's history: look at the ledger first")


@dataclass(slots=True)
class _History:
    """Folds events as they pass."""

    folded: bytes = EMPTY_HISTORY

    def lines(self, ledger: Ledger, last: int) -> Iterator[Mapping[str, Json]]:
        for first in range(0, last + 1, _BLOCKS):
            events = ledger.events(first, min(first + _BLOCKS - 1, last))
            self.folded = fold(self.folded, events)
            yield from map(_event, events)


def _place(chain: Chain) -> dict[str, Json]:
    domain = chain.ledger.domain
    return {
        "version": 1,
        "chain_id": domain.chain_id,
        "registry": domain.contract.hex(),
        "model_registry": chain.model_registry.hex(),
        "log_anchor": chain.log_anchor.hex(),
    }


def _event(event: Event) -> dict[str, Json]:
    told: dict[str, Json] = {"patient": event.patient.hex(), "commitment": event.commitment.hex()}
    placed: dict[str, Json] = {"block": event.block, "time": event.time}
    if isinstance(event, Granted):
        return {"kind": "granted", **told, "expires": _expires(event), **placed}
    return {"kind": "revoked", **told, "by": event.by.hex(), **placed}


def _expires(event: Granted) -> Json:
    """Strangers may publish a grant that ends at a second which JSON's numbers do not hold: it is told as text."""
    return event.expires if is_count(event.expires) else str(event.expires)
