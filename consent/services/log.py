"""Writing to the log: entries get their place, receipts and checkpoints get the log key's signature."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from consent.domain.checkpoint import Checkpoint, CheckpointError
from consent.domain.entry import Entry, PlacedEntry
from consent.domain.errors import LogForkError
from consent.domain.merkle import leaf_hash, tree_root
from consent.domain.note import sign, unverified_text
from consent.domain.receipt import Receipt
from consent.ports import LogArchive, Signer, Unit

_AT_ONCE: Final = 10_000


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

        Raises `LogForkError`, having signed nothing, when the log does not continue what was signed last.
        """
        leaves, latest = unit.log.leaves(), unit.log.latest_checkpoint()
        if latest is not None:
            signed = _last_signed(latest)
            if signed.size > len(leaves) or tree_root(leaves[: signed.size]) != signed.root:
                raise LogForkError("the log is not the one that was signed before: restore it, sign nothing else")
            if signed.size == len(leaves):
                return latest
        if self.archive.size() > len(leaves):
            raise LogForkError("the log archive holds entries that the log lacks: open the installation again")
        self.keep(unit)
        text = Checkpoint(self.origin, len(leaves), tree_root(leaves)).to_text()
        note = sign(text, self.origin, self.signer.public_key, self.signer.sign)
        unit.log.save_checkpoint(len(leaves), note)
        return note

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
            raise LogForkError("the log is not what the log archive says was signed: restore what was altered")


def _last_signed(note: str) -> Checkpoint:
    try:
        return Checkpoint.from_text(unverified_text(note))
    except CheckpointError as error:
        raise LogForkError("the newest checkpoint is damaged: restore it, nothing is signed without it") from error
