"""Writing to the log: entries get their place, receipts and checkpoints get the log key's signature."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from consent.domain.checkpoint import Checkpoint
from consent.domain.entry import Entry, PlacedEntry
from consent.domain.merkle import tree_root
from consent.domain.note import sign
from consent.domain.receipt import Receipt
from consent.ports import Signer, Unit


@dataclass(frozen=True, slots=True)
class Log:
    """The log of one installation; `origin` is its name in checkpoints and receipts."""

    origin: str
    signer: Signer

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
        """Sign the log as it stands, store the signed note and return it."""
        leaves = unit.log.leaves()
        text = Checkpoint(self.origin, len(leaves), tree_root(leaves)).to_text()
        note = sign(text, self.origin, self.signer.public_key, self.signer.sign)
        unit.log.save_checkpoint(len(leaves), note)
        return note
