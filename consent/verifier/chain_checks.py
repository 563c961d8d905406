"""The chain as a bundle tells it, held against what the auditor saw of it.

The registry's events must fold to the history of the auditor's view, as of the view's block: none was left out, added,
moved or dated otherwise. What comes after that block is nobody's word but the bundle's: such a grant permits nothing,
such a revocation counts.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from consent.domain import bundle
from consent.domain.history import EMPTY_HISTORY, Event, Granted, fold
from consent.domain.typed_data import SigningDomain
from consent.verifier.archive import Archive
from consent.verifier.findings import Finding, NotSoundError, number
from consent.verifier.policy import ChainTrust
from consent.verifier.reading import ChainName, chain_name, events

IDENTITY: Final = "chain.identity"
EVENTS: Final = "chain.events"
HISTORY: Final = "chain.history"
NO_CHAIN: Final = "the policy names no chain"


@dataclass(slots=True)
class Standing:
    """When one commitment of one address was granted and revoked, block and time; 0 before it was."""

    granted_block: int = 0
    granted: int = 0
    expires: int = 0
    revoked_block: int = 0
    revoked: int = 0


@dataclass(slots=True)
class ToldChain:
    """The chain as a bundle tells it.

    Attributes:
        name: which chain it says that it tells of.
        trust: which chain the policy means and what the auditor saw of it; None where it names none.
        standings: by address and commitment together, 52 bytes.
        count: how many events there are.
        unconfirmed: how many of them come after the auditor's view.
    """

    name: ChainName
    trust: ChainTrust | None
    standings: dict[bytes, Standing] = field(default_factory=dict)
    count: int = 0
    unconfirmed: int = 0
    _history: bytes = EMPTY_HISTORY
    _blocks: list[tuple[int, int]] = field(default_factory=list)

    @property
    def domain(self) -> SigningDomain:
        """Where signatures count: as the policy says, or else as the bundle does."""
        if self.trust is None:
            return SigningDomain(self.name.chain_id, self.name.registry)
        return SigningDomain(self.trust.chain_id, self.trust.registry)

    @property
    def seen(self) -> int:
        """The block up to which the auditor's view confirms what the bundle tells; its last event's without a view."""
        return self._last[0] if self.trust is None else self.trust.view.block.number

    @property
    def seen_time(self) -> int:
        """Unix seconds of that block."""
        return self._last[1] if self.trust is None else self.trust.view.block.time

    @property
    def _last(self) -> tuple[int, int]:
        return self._blocks[-1] if self._blocks else (0, 0)

    def standing(self, key: bytes) -> Standing | None:
        """Return what is told of an address and commitment, None where nothing is."""
        return self.standings.get(key)

    def in_force(self, key: bytes, block: int, time: int) -> bool:
        """Say whether a grant that the view confirms stood after `block`, whose time is `time`."""
        found = self.standings.get(key)
        if found is None or not found.granted_block or found.granted_block > min(block, self.seen):
            return False
        return found.expires > time and not 0 < found.revoked_block <= block

    def has_block(self, block: int, digest: str, time: int) -> bool:
        """Say whether there can be such a block, by those that are known: the view's and the events'.

        Without a view nothing is known of what comes after the last event.
        """
        known = list(self._blocks)
        if self.trust is not None:
            seen = self.trust.view.block
            if block > seen.number or (block == seen.number and (digest, time) != (seen.hash.hex(), seen.time)):
                return False
            known = sorted({*known, (seen.number, seen.time)})
        return self._fits(known, bisect_left(known, (block, 0)), (block, time))

    @staticmethod
    def _fits(around: Sequence[tuple[int, int]], place: int, here: tuple[int, int]) -> bool:
        """Say whether a block and its time fit in front of the one at `place`, or are that one."""
        before = around[place - 1][1] if place else 0
        if place == len(around):
            return before <= here[1]
        after = around[place]
        return here == after if here[0] == after[0] else before <= here[1] <= after[1]

    def take(self, event: Event, item: str) -> None:
        """Take up the next event; raise `NotSoundError` where it cannot come next."""
        last, here = self._last, (event.block, event.time)
        if here != last:
            if event.block <= last[0] or event.time < last[1]:
                raise NotSoundError(item, "it is dated before the one that it follows, or in one block at two times")
            self._blocks.append(here)
        if not self._is_around(event):
            raise NotSoundError(item, "block and time lie on two sides of the block of the auditor's view")
        self.count += 1
        if event.block <= self.seen:
            self._history = fold(self._history, [event])
        else:
            self.unconfirmed += 1
        _stand(self.standings.setdefault(event.patient + event.commitment, Standing()), event)

    def _is_around(self, event: Event) -> bool:
        """Say whether an event is dated as its block asks: up to the view's not after that, behind it not before."""
        if event.block <= self.seen:
            return event.time <= self.seen_time
        return event.time >= self.seen_time

    @property
    def history(self) -> bytes:
        """What the events up to the view's block fold to."""
        return self._history


def _stand(standing: Standing, event: Event) -> None:
    """The first grant and the first revocation of a commitment stand."""
    if isinstance(event, Granted):
        if not standing.granted_block:
            standing.granted_block, standing.granted, standing.expires = event.block, event.time, event.expires
    elif not standing.revoked_block:
        standing.revoked_block, standing.revoked = event.block, event.time


def told_chain(archive: Archive, trust: ChainTrust | None) -> ToldChain:
    """Return the chain that a bundle tells of, before its events; raise `NotSoundError` where it is malformed."""
    return ToldChain(chain_name(archive), trust)


def identity(chain: ToldChain) -> Finding:
    """Check that the bundle's chain, contracts and code are those that the policy means."""
    name, trust = chain.name, chain.trust
    if trust is None:
        return Finding.open(IDENTITY, f"{NO_CHAIN}: the bundle's own word is chain {name.chain_id}")
    told = (name.chain_id, name.registry, name.model_registry, name.log_anchor)
    if told != (trust.chain_id, trust.registry, trust.models, trust.anchor):
        return _failed(IDENTITY, bundle.CHAIN, "the bundle is of another chain, or of other contracts on it")
    if trust.code_holds is False:
        return _failed(IDENTITY, "the contracts' code", "it is not what the policy says")
    code = "" if trust.code_holds is None else ", code as the policy says"
    return Finding(IDENTITY, holds=True, seen=f"chain {name.chain_id}, registry 0x{name.registry.hex()}{code}")


def read_events(archive: Archive, chain: ToldChain) -> Finding:
    """Read the registry's events, which stand in the chain's order."""
    try:
        for item, event in events(archive):
            chain.take(event, item)
    except NotSoundError as error:
        return Finding.failed(EVENTS, error)
    return Finding(EVENTS, holds=True, seen=f"{number(chain.count, 'event')} in order")


def history(chain: ToldChain) -> Finding:
    """Check that the events fold to the history that the auditor saw."""
    if chain.trust is None:
        return Finding.open(HISTORY, f"{NO_CHAIN}, so events may have been left out or added")
    view = chain.trust.view
    if chain.history != view.history:
        wrong = "an event was left out, added or altered: they fold to another history than the auditor saw"
        return _failed(HISTORY, bundle.EVENTS, f"{wrong}; a bundle from before that view is to be made anew")
    later = f"; of {number(chain.unconfirmed, 'later event')} no grant counts" if chain.unconfirmed else ""
    seen = f"events up to block {view.block.number:,} give the history that the auditor saw there"
    return Finding(HISTORY, holds=True, seen=seen + later)


def _failed(name: str, item: str, wrong: str) -> Finding:
    return Finding.failed(name, NotSoundError(item, wrong))
