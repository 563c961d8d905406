"""Writing to the log: entries get their place, receipts and checkpoints get the log key's signature."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from consent.domain.checkpoint import Checkpoint, CheckpointError
from consent.domain.entry import Entry, PlacedEntry
from consent.domain.errors import ConsentError
from consent.domain.merkle import tree_root
from consent.domain.note import sign, unverified_text
from consent.domain.receipt import Receipt
from consent.ports import Signer, Unit


class LogForkError(ConsentError):
    """The log was cut or altered since it was last signed; restore it from a copy, nothing more is signed till then."""


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
        text = Checkpoint(self.origin, len(leaves), tree_root(leaves)).to_text()
        note = sign(text, self.origin, self.signer.public_key, self.signer.sign)
        unit.log.save_checkpoint(len(leaves), note)
        return note


def _last_signed(note: str) -> Checkpoint:
    try:
        return Checkpoint.from_text(unverified_text(note))
    except CheckpointError as error:
        raise LogForkError("the newest checkpoint is damaged: restore it, nothing is signed without it") from error
