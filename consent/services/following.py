"""Following the chain, in the ledger's process alone: events become rows, checked against the contract's history.

The newest block is read, final or not. Hashes of recent blocks are kept: when the chain has replaced some, the copy
goes back to the newest kept block that still stands, and on from there (`consent.services.chain_copy`).
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from consent.domain.errors import LedgerUnavailableError
from consent.domain.history import EMPTY_HISTORY, Event, fold
from consent.domain.registry_replay import Key
from consent.ports import (
    Errand,
    Head,
    KeptBlock,
    Ledger,
    ModelChange,
    ModelStatus,
    ProjectedGrant,
    ProjectedModel,
    ProjectionHead,
    Store,
    Unit,
)
from consent.services.book import ConsentBook
from consent.services.chain_copy import ChainCopy
from consent.services.outbox import Outbox
from consent.services.projection import ProjectionSeal

HEARTBEAT_SECONDS: Final = 30
"""An idle embedded chain adds an empty block after this long, so that its silence is not taken for being stale."""
KEPT_BLOCKS: Final = 128
"""So many newest blocks have their hashes kept, and the newest final one before them."""


@dataclass(slots=True)
class _Stored:
    """What the database holds of our copy: the rows of this installation's consents, and the sum of all MACs."""

    rows: dict[Key, ProjectedGrant] = field(default_factory=dict)
    models: dict[bytes, ProjectedModel] = field(default_factory=dict)
    sum: int = 0
    generation: int = 0


@dataclass(slots=True)
class LedgerFollower:
    """Reads the ledger and stores what it says of this installation's consents and of every model."""

    store: Store
    ledger: Ledger
    seal: ProjectionSeal
    book: ConsentBook
    outbox: Outbox
    copy: ChainCopy = field(default_factory=ChainCopy)
    head: ProjectionHead | None = None
    _kept: list[KeptBlock] | None = None
    _stored: _Stored = field(default_factory=_Stored)
    _fresh: bool = True
    _anew: bool = False
    _settled: int = -1
    _looked: int = 0

    def follow(self, now: datetime) -> ProjectionHead:
        """Read the ledger up to its newest block and store what changed, with the outbox, in one transaction.

        When the recomputed history is not the contract's, or a block that was final is gone, only a head is stored
        that says so (`matches` is False), and every decision is refused until the right ledger is back. Raises
        `LedgerUnavailableError` when the chain cannot be read, or moved while it was.
        """
        head = self._living_head(now)
        final = min(self.ledger.final(), head, key=lambda block: block.number)  # the chain goes on between the two
        kept = self._kept_blocks()
        ancestor = self._ancestor(kept, head)
        if ancestor is None and (kept or self._lost_its_place()):
            return self._mismatch(head, final, now)
        if ancestor is not None and not self._fresh:
            self.copy.rewind(ancestor.block.number)
            kept = self._kept = [block for block in kept if block.block.number <= ancestor.block.number]
        events, read = self._read(kept, head, final)
        first = 0 if self._fresh else kept[-1].block.number + 1
        changes = self.ledger.model_changes(first, head.number)
        matches = read[-1].history == self.ledger.history(head.number) and _goes_on(ancestor, read)
        withdrawn = matches and not self._knows_withdrawals(changes)
        matches = matches and not withdrawn
        if self.ledger.block(head.number).hash != head.hash or (withdrawn and self.ledger.head() != head):
            raise LedgerUnavailableError("the chain moved while it was read: nothing was lost, try again")
        if not matches:
            return self._mismatch(head, final, now)
        self.copy.take(events, changes)
        self._take(kept, read, final)
        return self._save(ProjectionHead(head, final, read[-1].history, matches=True, read_at=int(now.timestamp())))

    def _knows_withdrawals(self, changes: Sequence[ModelChange]) -> bool:
        """Say whether the registry still calls ACTIVE what we would: no history hash covers the models' events."""
        active = self.copy.active_after(changes)
        return all(self.ledger.model_status(model) is ModelStatus.ACTIVE for model in active)

    def rebuild(self) -> None:
        """Forget which blocks were read: the next `follow` takes the chain as it is, from its first event on.

        For an operator who has seen that a block went that was final, and knows why.
        """
        with self.store.begin() as unit:
            unit.projection.keep([])
        self.copy, self._kept, self._fresh, self._settled = ChainCopy(), None, True, -1
        self._anew = True

    def _lost_its_place(self) -> bool:
        """Say whether somebody took out the kept blocks of a copy that had rows: an older chain would pass for it."""
        return self._fresh and self._stored.generation > 0 and not self._anew

    def _kept_blocks(self) -> list[KeptBlock]:
        """Return the kept blocks; the first time, read how far the stored copy went.

        Its rows are not believed: the first `follow` replays the ledger.
        """
        if self._kept is None:
            with self.store.reading() as unit:
                head, rows = unit.projection.head(), list(unit.projection.changed_since(0))
                self._kept, models = list(unit.projection.kept()), unit.projection.models()
            self._stored = _Stored(
                rows={(row.patient, row.commitment): row for row in rows},
                models={model.model: model for model in models},
                sum=sum(map(self.seal.of_grant, rows)) + sum(map(self.seal.of_model, models)),
                generation=head.generation if head else 0,
            )
        return self._kept

    def _living_head(self, now: datetime) -> Head:
        head = self.ledger.head()
        return self.ledger.beat() if now.timestamp() - head.time > HEARTBEAT_SECONDS else head

    def _ancestor(self, kept: Sequence[KeptBlock], head: Head) -> KeptBlock | None:
        """Return the newest kept block that the chain still has."""
        for block in reversed(kept):
            number = block.block.number
            if number <= head.number and self.ledger.block(number).hash == block.block.hash:
                return block
        return None

    def _read(self, kept: Sequence[KeptBlock], head: Head, final: Head) -> tuple[Sequence[Event], list[KeptBlock]]:
        """Return the events after the last kept block, and the blocks to keep: that one, new ones, and the head."""
        if not self._fresh and kept[-1].block == head:
            return [], [kept[-1]]
        since = None if self._fresh else kept[-1]
        first = since.block.number + 1 if since else 0
        events = self.ledger.events(first, head.number)
        wanted = {block.block.number for block in kept if block.block.number <= head.number} if self._fresh else set()
        numbers = _worth_keeping(first, head.number, final.number, wanted)
        histories = _histories(since.history if since else EMPTY_HISTORY, events, numbers)
        return events, [
            KeptBlock(head if number == head.number else self.ledger.block(number), history)
            for number, history in histories
        ]

    def _take(self, kept: list[KeptBlock], read: list[KeptBlock], final: Head) -> None:
        """Go on to the blocks that were read, whose history the contract has confirmed."""
        if self._fresh:
            self.copy.touched |= self._stored.rows.keys()
            self.copy.remember(self._stored.rows)
            kept = []
        self.copy.let_go(final.number)
        kept = [*(block for block in kept if block.block.number < read[0].block.number), *read]
        self._kept = _trimmed(_with_final(kept, final, self.copy.recent), final)
        self._fresh = False

    def _save(self, head: ProjectionHead) -> ProjectionHead:
        kept, models = self._kept_blocks(), self.copy.models(head.final.number)
        newcomers = self._newcomers()
        changed = {key: row for key, row in self._ours(newcomers) if self._stored_row(key) != row}
        new_models = {m: model for m, model in models.items() if self._stored.models.get(m) != model}
        sealed = self._sealed(head, changed, new_models)
        with self.store.begin() as unit:
            unit.projection.save(sealed, changed.values(), new_models.values())
            unit.projection.keep(kept)
            self._settle(unit, newcomers, head.final.number)
        self._stored.rows |= changed
        self._stored.models |= new_models
        self._stored.sum, self._stored.generation = int.from_bytes(sealed.rows), sealed.generation
        self._settled = head.final.number
        self._looked += len(newcomers)
        self.copy.touched.clear()
        self.copy.settle(kept[0].block.number)
        self.head = sealed
        return sealed

    def _newcomers(self) -> Sequence[Key]:
        """Return what was handed in since the last reading, here or by another process: no row says that it is ours."""
        with self.store.reading() as unit:
            self.book.follow(unit)
        return self.book.keys_since(self._looked)

    def _stored_row(self, key: Key) -> ProjectedGrant:
        """Return a row as it is stored; one that the chain says nothing of is not written.

        It would tell when an address was handed in, and the log tells when a subject was there: the two would join.
        """
        return self._stored.rows.get(key) or ProjectedGrant(*key)

    def _ours(self, newcomers: Collection[Key]) -> Iterator[tuple[Key, ProjectedGrant]]:
        """Yield what may have changed and is this installation's: strangers' commitments are not stored."""
        for key in self.copy.touched | set(newcomers):
            if key in self._stored.rows or self.book.holds(key):
                yield key, self.copy.rows.get(key) or ProjectedGrant(*key)

    def _sealed(
        self, head: ProjectionHead, changed: dict[Key, ProjectedGrant], models: dict[bytes, ProjectedModel]
    ) -> ProjectionHead:  # fmt: skip
        before = [self._stored.rows[key] for key in changed if key in self._stored.rows]
        models_before = [self._stored.models[model] for model in models if model in self._stored.models]
        total = self._stored.sum - sum(map(self.seal.of_grant, before)) - sum(map(self.seal.of_model, models_before))
        total += sum(map(self.seal.of_grant, changed.values())) + sum(map(self.seal.of_model, models.values()))
        generation = self._stored.generation + bool(changed or models)
        return self.seal.sealed(replace(head, generation=generation), total)

    def _settle(self, unit: Unit, newcomers: Collection[Key], final: int) -> None:
        """Take from the outbox what the ledger now holds for good."""
        news = ((event.patient, event.commitment) for event in self.copy.recent if self._settled < event.block <= final)
        keys = {key for key in news if key in self._stored.rows or self.book.holds(key)} | set(newcomers)
        rows = [(key, self.copy.rows[key]) for key in keys if key in self.copy.rows]
        granted = [key for key, row in rows if row.granted_block is not None and row.granted_block <= final]
        revoked = [key for key, row in rows if row.revoked_block is not None and row.revoked_block <= final]
        if granted or revoked:
            waiting = self.outbox.on(unit)
            waiting.remove(Errand.GRANT, granted)
            waiting.remove(Errand.REVOKE, revoked)
            waiting.remove(Errand.STOP, revoked)

    def _mismatch(self, head: Head, final: Head, now: datetime) -> ProjectionHead:
        """Say that this is not the ledger that was read; rows and kept blocks stay as they are."""
        wrong = ProjectionHead(head, final, EMPTY_HISTORY, matches=False, read_at=int(now.timestamp()))
        sealed = self.seal.sealed(replace(wrong, generation=self._stored.generation), self._stored.sum)
        with self.store.begin() as unit:
            unit.projection.save(sealed, [], [])
        self.head = sealed
        return sealed


def _worth_keeping(first: int, head: int, final: int, wanted: Collection[int]) -> list[int]:
    """Return the numbers of blocks to keep among `first` to `head`: what is not final yet, and the newest that is."""
    recent = range(max(first, final + 1, head - KEPT_BLOCKS + 1), head + 1)
    return sorted({head, *wanted, *recent, *({final} if first <= final <= head else ())})


def _histories(history: bytes, events: Sequence[Event], numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Yield each block's number with the history hash after it, folding every event once."""
    done = 0
    for number in numbers:
        end = bisect_right(events, number, lo=done, key=lambda event: event.block)
        history, done = fold(history, events[done:end]), end
        yield number, history


def _goes_on(ancestor: KeptBlock | None, read: Sequence[KeptBlock]) -> bool:
    """Say whether the ledger had, after the block that was read before, the history that it had then."""
    again = [block.history for block in read if ancestor and block.block.number == ancestor.block.number]
    return not again or ancestor is None or again == [ancestor.history]


def _with_final(kept: list[KeptBlock], final: Head, recent: Sequence[Event]) -> list[KeptBlock]:
    """Put in the newest final block, where more than `KEPT_BLOCKS` lie between it and the newest."""
    above = bisect_right(kept, final.number, key=lambda block: block.block.number)
    if above == 0 or kept[above - 1].block.number == final.number:
        return kept
    base = kept[above - 1]
    since = [event for event in recent if base.block.number < event.block <= final.number]
    return [*kept[:above], KeptBlock(final, fold(base.history, since)), *kept[above:]]


def _trimmed(kept: list[KeptBlock], final: Head) -> list[KeptBlock]:
    """Keep the newest block that is final, and of those after it the newest."""
    base = max((at for at, block in enumerate(kept) if block.block.number <= final.number), default=0)
    return [kept[base], *kept[base + 1 :][-KEPT_BLOCKS:]]
