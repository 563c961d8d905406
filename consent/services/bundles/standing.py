"""The checkpoint that a bundle stands on: the newest that others certified, where there is one; else the newest."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from consent.domain.checkpoint import Checkpoint, CheckpointError
from consent.domain.errors import LogForkError
from consent.domain.hashing import Json
from consent.domain.merkle import root_of
from consent.domain.note import unverified_text
from consent.ports import Unit
from consent.services.bundles.scopes import BundleError
from consent.services.proving import newest, prove_consistency

ANCHORS: Final = 1000
"""So many of the newest anchored checkpoints are proven to be of the same log; older ones are named with `since`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A signed checkpoint, and its note."""

    checkpoint: Checkpoint
    note: str

    @property
    def size(self) -> int:
        """How many entries it covers."""
        return self.checkpoint.size


def standing(unit: Unit, at: int | None = None, *, certified: bool = True) -> Standing:
    """Return the stored checkpoint of size `at`; else the newest, of those that were `certified` where there are any.

    Raises `BundleError` where there is none, and `LogForkError` where it is not one of the log as it is kept.
    """
    vouched = unit.certificates.newest() if certified and at is None else None
    size = vouched.size if vouched else at
    note = unit.log.latest_checkpoint() if size is None else unit.log.checkpoint_at(size)
    if note is None:
        raise BundleError("no checkpoint of this size was signed: leave the size out, or name another")
    return Standing(_read(unit, note), note)


def consistencies(unit: Unit, size: int, others: Iterable[int]) -> Iterator[Mapping[str, Json]]:
    """Yield a proof between the checkpoint of this size and each that was anchored, certified or is named in `others`.

    Raises `BundleError` where the log ends before one of them.
    """
    vouched, signed = unit.certificates.newest(), newest(unit.log)
    sizes = {*others, *(one.size for one in unit.log.anchors()[-ANCHORS:]), *([vouched.size] if vouched else [])}
    for old, new in (sorted((size, other)) for other in sorted(sizes - {0, size})):
        if signed is None or new > signed.size:
            wrong = "a checkpoint that was named or anchored has more entries than are signed here"
            raise BundleError(f"{wrong}: correct its size, or try again")
        proof = prove_consistency(unit.log, old, new, signed)
        yield {"old": old, "new": new, "proof": [part.hex() for part in proof]}


def _read(unit: Unit, note: str) -> Checkpoint:
    try:
        checkpoint = Checkpoint.from_text(unverified_text(note))
    except CheckpointError as error:
        raise LogForkError("a stored checkpoint is damaged: restore it") from error
    if checkpoint.size > unit.log.size() or root_of(checkpoint.size, unit.log.subtrees) != checkpoint.root:
        raise LogForkError("the log is not the one that was signed: open the installation again, or restore it")
    return checkpoint
