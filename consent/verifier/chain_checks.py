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
from consent.verifier.reading import ChainHead, ModelLine, chain_head, events, models

IDENTITY: Final = "chain.identity"
EVENTS: Final = "chain.events"
HISTORY: Final = "chain.history"
MODELS: Final = "chain.models"
NO_CHAIN: Final = "the policy names no chain"
ACTIVE, SUSPENDED, RETIRED = 1, 2, 3


@dataclass(slots=True)
class Standing:
    """When one commitment of one address was granted and revoked, block and time; 0 before it was."""

    granted_block: int = 0
    granted: int = 0
    expires: int = 0
    revoked_block: int = 0
    revoked: int = 0


@dataclass(slots=True)
class ModelStory:
    """What became of one model: its manifest's SHA-256, hex, and each status with the block and time of its change."""

    manifest: str
    changes: list[tuple[int, int, int]] = field(default_factory=list)

    def at(self, block: int) -> int:
        """Return the status after `block`, 0 before the registration."""
        return next((status for since, _, status in reversed(self.changes) if since <= block), 0)

    def was_active(self, first: int, last: int) -> bool:
        """Say whether it was active at some second from `first` to `last`."""
        behind = [*(time for _, time, _ in self.changes[1:]), None]
        return any(
            status == ACTIVE and time <= last and (until is None or until >= first)
            for (_, time, status), until in zip(self.changes, behind, strict=True)
        )


@dataclass(slots=True)
class ToldChain:
    """The chain as a bundle tells it.

    Attributes:
        head: up to which block it goes.
        trust: which chain the policy means and what the auditor saw of it; None where it names none.
        standings: by address and commitment together, 52 bytes.
        models: by SHA-256 of the model, hex.
        count: how many events there are.
        unconfirmed: how many of them come after the auditor's view.
    """

    head: ChainHead
    trust: ChainTrust | None
    standings: dict[bytes, Standing] = field(default_factory=dict)
    models: dict[str, ModelStory] = field(default_factory=dict)
    count: int = 0
    unconfirmed: int = 0
    _history: bytes = EMPTY_HISTORY
    _blocks: list[tuple[int, int]] = field(default_factory=list)

    @property
    def domain(self) -> SigningDomain:
        """Where signatures count: as the policy says, or else as the bundle does."""
        if self.trust is None:
            return SigningDomain(self.head.chain_id, self.head.registry)
        return SigningDomain(self.trust.chain_id, self.trust.registry)

    @property
    def seen(self) -> int:
        """The block up to which the auditor's view confirms what the bundle tells; its own last one without a view."""
        return self.head.block if self.trust is None else self.trust.view.block.number

    @property
    def seen_time(self) -> int:
        """Unix seconds of that block."""
        return self.head.block_time if self.trust is None else self.trust.view.block.time

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
        """Say whether there can be such a block, by those that are known: the last one, the view's and the events'."""
        known = [(self.head.block, self.head.block_hash, self.head.block_time)]
        if self.trust is not None:
            seen = self.trust.view.block
            known.append((seen.number, seen.hash.hex(), seen.time))
        if any(block == number and (digest, time) != (hashed, then) for number, hashed, then in known):
            return False
        around = sorted({*self._blocks, *((number, then) for number, _, then in known)})
        place = bisect_left(around, (block, 0))
        return place < len(around) and self._fits(around, place, (block, time))

    @staticmethod
    def _fits(around: Sequence[tuple[int, int]], place: int, here: tuple[int, int]) -> bool:
        """Say whether a block and its time fit in front of the one at `place`, or are that one."""
        after = around[place]
        before = around[place - 1][1] if place else 0
        return here == after if here[0] == after[0] else before <= here[1] <= after[1]

    def take(self, event: Event, item: str) -> None:
        """Take up the next event; raise `NotSoundError` where it cannot come next."""
        last = self._blocks[-1] if self._blocks else (0, 0)
        here = event.block, event.time
        if here != last:
            if event.block <= last[0] or event.time < last[1]:
                raise NotSoundError(item, "it is dated before the one that it follows, or in one block at two times")
            self._blocks.append(here)
        if event.block > self.head.block or event.time > self.head.block_time:
            raise NotSoundError(item, "it comes after the block up to which the bundle says that it goes")
        self.count += 1
        if event.block <= self.seen:
            self._history = fold(self._history, [event])
        else:
            self.unconfirmed += 1
        _stand(self.standings.setdefault(event.patient + event.commitment, Standing()), event)

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
    return ToldChain(chain_head(archive), trust)


def identity(chain: ToldChain) -> Finding:
    """Check that the bundle's chain, contracts and code are those that the policy means."""
    head, trust = chain.head, chain.trust
    if trust is None:
        return Finding.open(IDENTITY, f"{NO_CHAIN}: the bundle's own word is chain {head.chain_id}")
    told = (head.chain_id, head.registry, head.model_registry, head.log_anchor)
    if told != (trust.chain_id, trust.registry, trust.models, trust.anchor):
        return _failed(IDENTITY, bundle.CHAIN, "the bundle is of another chain, or of other contracts on it")
    if trust.code_holds is False:
        return _failed(IDENTITY, "the contracts' code", "it is not what the policy says")
    block, seen = trust.view.block, (head.block, head.block_hash, head.block_time)
    if head.block == block.number and seen[1:] != (block.hash.hex(), block.time):
        return _failed(IDENTITY, bundle.CHAIN, "its block is another one than the auditor saw under this number")
    if head.block < block.number or head.block_time < block.time:
        return _failed(
            IDENTITY, bundle.CHAIN, "the bundle ends before the auditor's view of the chain: have it made anew"
        )
    code = "" if trust.code_holds is None else ", code as the policy says"
    return Finding(IDENTITY, holds=True, seen=f"chain {head.chain_id}, registry 0x{head.registry.hex()}{code}")


def read_events(archive: Archive, chain: ToldChain) -> Finding:
    """Read the registry's events, which stand in the chain's order."""
    try:
        for item, event in events(archive):
            chain.take(event, item)
    except NotSoundError as error:
        return Finding.failed(EVENTS, error)
    return Finding(
        EVENTS, holds=True, seen=f"{number(chain.count, 'event')} in order, up to block {chain.head.block:,}"
    )


def history(chain: ToldChain) -> Finding:
    """Check that the events fold to the history that the auditor saw."""
    if chain.trust is None:
        return Finding.open(HISTORY, f"{NO_CHAIN}, so events may have been left out or added")
    view = chain.trust.view
    if chain.history != view.history:
        return _failed(HISTORY, bundle.EVENTS, "an event was left out, added or altered: they fold to another history")
    later = f"; of {number(chain.unconfirmed, 'later event')} no grant counts" if chain.unconfirmed else ""
    seen = f"events up to block {view.block.number:,} give the history that the auditor saw there"
    return Finding(HISTORY, holds=True, seen=seen + later)


def read_models(archive: Archive, chain: ToldChain) -> Finding:
    """Read what became of models, which must be what the auditor saw of them."""
    try:
        last = (0, 0)
        for item, line in models(archive):
            last = _take_model(chain, line, item, last)
    except NotSoundError as error:
        return Finding.failed(MODELS, error)
    if chain.trust is None:
        return Finding.open(MODELS, f"{NO_CHAIN}, so changes of models may have been left out or added")
    view, block = chain.trust.view, chain.trust.view.block.number
    told = {model: (story.manifest, story.at(block)) for model, story in chain.models.items() if story.at(block)}
    for model, (manifest, status) in told.items():
        registered = view.model(bytes.fromhex(model))
        if (registered.manifest.hex(), registered.status) != (manifest, status):
            return _failed(MODELS, f"model {model}", "the auditor saw another manifest or status of it")
    for seen in view.models:
        if seen.hex() not in told:
            return _failed(MODELS, f"model {seen.hex()}", "the auditor saw it, and the bundle leaves it out")
    return Finding(MODELS, holds=True, seen=f"{number(len(told), 'model')}, each as the auditor saw it")


def _take_model(chain: ToldChain, line: ModelLine, item: str, last: tuple[int, int]) -> tuple[int, int]:
    """Take up a change as the model registry allows it; return its block and time."""
    here = line.block, line.time
    if here < last or line.time < last[1] or line.block > chain.head.block or line.time > chain.head.block_time:
        raise NotSoundError(item, "it is not in the chain's order, or comes after the bundle's last block")
    story = chain.models.get(line.model)
    if story is None:
        if line.status != ACTIVE or not line.manifest:
            raise NotSoundError(item, "a model is registered with its manifest, as active, before anything else")
        story = chain.models[line.model] = ModelStory(line.manifest)
    elif line.manifest or story.changes[-1][2] == RETIRED:
        raise NotSoundError(item, "a model is registered once, and retired for ever")
    story.changes.append((*here, line.status))
    return here


def _failed(name: str, item: str, wrong: str) -> Finding:
    return Finding.failed(name, NotSoundError(item, wrong))
