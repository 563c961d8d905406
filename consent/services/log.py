"""Writing to the log: entries get their place, receipts and checkpoints get the log key's signature."""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from consent.domain.checkpoint import Checkpoint, CheckpointError
from consent.domain.entry import Entry, PlacedEntry
from consent.domain.errors import LogForkError, LogTreeError
from consent.domain.merkle import Frontier, leaf_hash
from consent.domain.note import sign, unverified_text
from consent.domain.receipt import Receipt
from consent.ports import LogArchive, Signer, Unit

_AT_ONCE: Final = 10_000
_OTHER: Final = "the log is not what the log archive says was signed: restore what was altered"


@dataclass(frozen=True, slots=True)
class Log:
    """The log of one installation; `origin` is its name in checkpoints and receipts.

    What is signed was written to the `archive` before: no restore takes back what others hold a checkpoint of.
    """

    origin: str
    signer: Signer
    archive: LogArchive

    def append(self, unit: Unit, entries: Sequence[Entry]) -> list[PlacedEntry]:
        """Write entries in this order, in the caller's transaction: an action and its entry are kept together."""
        size = unit.log.size()
        placed = [entry.placed(size + offset) for offset, entry in enumerate(entries)]
        unit.log.append(placed)
        return placed

    def receipt(self, receipt: Receipt) -> Receipt:
        """Return the receipt with the log key's signature."""
        return replace(receipt, signature=self.signer.sign(receipt.signed_bytes()).hex())

    def checkpoint(self, unit: Unit) -> str:
        """Sign the log as it stands, store the signed note and return it; the same note for the same log.

        Only what came since the last one is read. Raises `LogForkError`, having signed nothing, when the log does not
        continue what was signed last.
        """
        size, latest = unit.log.size(), unit.log.latest_checkpoint()
        frontier = self._signed_before(unit, size, latest)
        if latest is not None and frontier.size == size:
            return latest
        if self.archive.size() > size:
            raise LogForkError("the log archive holds entries that the log lacks: open the installation again")
        self._require_archived(unit, frontier.size)
        _grow(unit, frontier, size)
        if frontier.size != size:
            raise LogForkError("the log has a gap: restore it, sign nothing else")
        self.keep(unit)
        checkpoint = Checkpoint(self.origin, size, frontier.root())
        if _folded(unit, checkpoint) is None:
            unit.log.make_subtrees()
        note = self._note(checkpoint)
        unit.log.save_checkpoint(size, note)
        return note

    def has_sound_tree(self, unit: Unit) -> bool:
        """Say whether the tree's stored hashes are all there and give what was signed; else make them anew.

        They serve proofs alone: whether the log is the one that was signed, `checkpoint` says.
        """
        latest = unit.log.latest_checkpoint()
        signed = self._read(latest) if latest is not None else None
        return unit.log.has_subtrees() and (signed is None or _folded(unit, signed) is not None)

    def take_back(self, unit: Unit) -> int:
        """Append what the archive holds and a restored log lacks; return how many entries that were.

        Raises `LogForkError` when the log is not the archive's beginning.
        """
        size, kept = unit.log.size(), self.archive.size()
        if kept <= size:
            return 0
        self._require_same(unit, size)
        bodies = self.archive.bodies(size)
        unit.log.append([PlacedEntry(size + place, body, leaf_hash(body)) for place, body in enumerate(bodies)])
        return kept - size

    def keep(self, unit: Unit) -> None:
        """Write into the archive what it lacks of the log, of which all is committed: also before a backup is made.

        A backup with entries that no archive ever held could not be restored once others had taken their places.
        """
        kept, size = self.archive.size(), unit.log.size()
        self._require_same(unit, min(kept, size))
        for first in range(kept, size, _AT_ONCE):
            last = min(size, first + _AT_ONCE)
            self.archive.append(first, [entry.body for entry in unit.log.entries(first, last)])

    def _require_same(self, unit: Unit, size: int) -> None:
        """Raise `LogForkError` unless log and archive have the same entry before index `size`."""
        if not size:
            return
        [ours] = unit.log.entries(size - 1, size)
        theirs = self.archive.last() if size == self.archive.size() else next(self.archive.bodies(size - 1), None)
        if ours.body != theirs:
            raise LogForkError(_OTHER)

    def _note(self, checkpoint: Checkpoint) -> str:
        return sign(checkpoint.to_text(), self.origin, self.signer.public_key, self.signer.sign)

    def _read(self, note: str) -> Checkpoint | None:
        """Return what a checkpoint says, None unless it is our own: this key signs the same text in the same way."""
        try:
            checkpoint = Checkpoint.from_text(unverified_text(note))
        except CheckpointError:
            return None
        ours = checkpoint.origin == self.origin and hmac.compare_digest(self._note(checkpoint).encode(), note.encode())
        return checkpoint if ours else None  # compared blindly: whoever edits notes learns no signature from the time

    def _signed_before(self, unit: Unit, size: int, latest: str | None) -> Frontier:
        """Return the tree that was signed last, from stored hashes that give its very root; an empty one before that.

        Raises `LogForkError` where none do, those made anew from the entries neither.
        """
        if latest is None:
            return Frontier()
        signed = self._read(latest)
        if signed is None:
            raise LogForkError("the newest checkpoint is damaged: restore it, nothing is signed without it")
        frontier = _folded(unit, signed)
        if frontier is None and signed.size <= size:
            unit.log.make_subtrees()
            frontier = _folded(unit, signed)
        if frontier is None:
            raise LogForkError("the log is not the one that was signed before: restore it, sign nothing else")
        return frontier

    def _require_archived(self, unit: Unit, first: int) -> None:
        """Raise `LogForkError` unless entries from `first` on are those of the archive, as far as it goes."""
        kept = self.archive.size()
        if kept <= first:
            return
        ours = _entries(unit, first, kept)
        if any(entry.body != body for entry, body in zip(ours, self.archive.bodies(first), strict=False)):
            raise LogForkError(_OTHER)


def _grow(unit: Unit, frontier: Frontier, size: int) -> None:
    """Add the entries that come after a tree by their bytes; raise `LogForkError` where a stored leaf disagrees."""
    for entry in _entries(unit, frontier.size, size):
        leaf = leaf_hash(entry.body)
        if entry.index != frontier.size or entry.leaf != leaf:
            raise LogForkError("an entry of the log was altered: restore it, sign nothing else")
        frontier.push(leaf)


def _entries(unit: Unit, first: int, last: int) -> Iterator[PlacedEntry]:
    """Yield entries, some thousands at a time: whoever stops in the middle leaves no reading open."""
    for start in range(first, last, _AT_ONCE):
        end = min(last, start + _AT_ONCE)
        few = list(unit.log.entries(start, end))
        yield from few
        if len(few) < end - start:
            return  # a gap: whoever put an entry far behind it makes nobody look for those between


def _folded(unit: Unit, signed: Checkpoint) -> Frontier | None:
    """Return the signed tree from stored hashes, None where they do not give its root."""
    try:
        frontier = Frontier.of(signed.size, unit.log.subtrees)
    except LogTreeError:
        return None
    return frontier if frontier.root() == signed.root else None
