"""That one entry is in the log: the checkpoint that covers it, the path to its root, and where that is anchored."""

from collections.abc import Sequence
from dataclasses import dataclass

from consent.domain.checkpoint import Checkpoint, CheckpointError
from consent.domain.entry import PlacedEntry
from consent.domain.merkle import InclusionError, inclusion_of, leaf_hash, verify_inclusion
from consent.domain.note import NoteError, open_note
from consent.ports import AnchoredAt, AuditLog, Store
from consent.services.auditing import Verifier
from consent.services.console.chronicle import Chronicle, Told


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """By what the log's checkpoints are checked: its name, its public key (32 bytes), and who signed what with it."""

    origin: str
    public_key: bytes
    verify: Verifier

    def opened(self, note: str) -> Checkpoint | None:
        """Return the checkpoint in a note that the log key signed, None for any other note."""
        try:
            text, _ = open_note(note, {self.origin: (self.public_key, self.verify)})
            checkpoint = Checkpoint.from_text(text)
        except (NoteError, CheckpointError):
            return None
        return checkpoint if checkpoint.origin == self.origin else None


@dataclass(frozen=True, slots=True)
class Placed:
    """How one entry is proven.

    Attributes:
        leaf: whether the stored leaf hash is that of the entry's bytes.
        covered: size of the first signed checkpoint that covers it, None before there is one.
        newest: the newest signed checkpoint, None where it is missing or not the log key's.
        path: from the leaf up to the newest checkpoint's root.
        holds: whether the path leads there; None where no checkpoint covers the entry.
        anchor: the first anchored checkpoint that covers it.
        certified: who certified the first certified checkpoint that covers it.
    """

    leaf: bool
    covered: int | None
    newest: Checkpoint | None
    path: Sequence[bytes]
    holds: bool | None
    anchor: AnchoredAt | None
    certified: Told | None


@dataclass(frozen=True, slots=True)
class Proving:
    """Proves single entries."""

    store: Store
    identity: LogIdentity
    chronicle: Chronicle

    def of(self, entry: PlacedEntry) -> Placed:
        """Return how an entry is proven, everything computed again."""
        with self.store.reading() as unit:
            self.chronicle.follow(unit)
            note = unit.log.latest_checkpoint()
            newest = self.identity.opened(note) if note else None
            path, holds = _path(unit.log, entry, newest)
            sizes = [size for size, _ in unit.log.checkpoints() if size > entry.index]
            anchors = [anchor for anchor in unit.log.anchors() if anchor.size > entry.index]
            kept = {one.size for one in unit.certificates.everything()}
        certified = [size for size in sorted(self.chronicle.certified) if size > entry.index and size in kept]
        return Placed(
            leaf=leaf_hash(entry.body) == entry.leaf,
            covered=next(iter(sizes), None),
            newest=newest,
            path=path,
            holds=holds,
            anchor=next(iter(anchors), None),
            certified=self.chronicle.certified[certified[0]] if certified else None,
        )


def _path(log: AuditLog, entry: PlacedEntry, newest: Checkpoint | None) -> tuple[Sequence[bytes], bool | None]:
    """Return an entry's path in the newest checkpoint's tree, and whether it leads to the root that was signed."""
    if newest is None or newest.size <= entry.index:
        return (), None
    path = inclusion_of(entry.index, newest.size, log.subtrees)
    try:
        verify_inclusion(entry.index, newest.size, leaf_hash(entry.body), path, newest.root)
    except InclusionError:
        return path, False
    return path, True
