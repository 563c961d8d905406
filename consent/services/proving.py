"""Proofs out of the log for whoever asks: each is checked against what was signed before it is given to anybody."""

from consent.domain.checkpoint import Checkpoint
from consent.domain.entry import PlacedEntry
from consent.domain.errors import LogTreeError
from consent.domain.merkle import (
    ConsistencyError,
    InclusionError,
    consistency_of,
    inclusion_of,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from consent.domain.note import unverified_text
from consent.ports import AuditLog


def newest(log: AuditLog) -> Checkpoint | None:
    """Return what the newest checkpoint says, None before the first."""
    note = log.latest_checkpoint()
    return Checkpoint.from_text(unverified_text(note)) if note is not None else None


def prove_inclusion(log: AuditLog, index: int, signed: Checkpoint) -> tuple[PlacedEntry, list[bytes]]:
    """Return an entry with the proof that a signed checkpoint covers it; `index` lies below the checkpoint's size.

    Raises `LogTreeError` where what is stored gives no such proof.
    """
    entry = log.some([index]).get(index)
    try:
        if entry is None:
            raise LogTreeError("an entry is missing from the log: restore the records")
        proof = inclusion_of(index, signed.size, log.subtrees)
        verify_inclusion(index, signed.size, leaf_hash(entry.body), proof, signed.root)
    except InclusionError as error:
        raise LogTreeError("the log's tree is not what was signed: open the installation again") from error
    return entry, proof


def prove_consistency(log: AuditLog, old: int, new: int, signed: Checkpoint) -> list[bytes]:
    """Return the proof that the first `new` entries continue the first `old`, 0 < `old` <= `new` <= `signed.size`.

    Raises `LogTreeError` where what is stored does not lead to what was signed.
    """
    try:
        proof = consistency_of(old, new, log.subtrees)
        roots = root_of(old, log.subtrees), root_of(new, log.subtrees)
        verify_consistency(old, new, proof, *roots)
        whole = consistency_of(new, signed.size, log.subtrees)
        verify_consistency(new, signed.size, whole, roots[1], signed.root)
    except ConsistencyError as error:
        raise LogTreeError("the log's tree is not what was signed: open the installation again") from error
    return proof
