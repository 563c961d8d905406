"""The files of a bundle that come from the log: checkpoint, certificate, consistency and the entries with their proofs.

entries.ndjson   {"index": n, "entry": "<the entry's JSON as text>", "proof": ["<64 hex>", …]}
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from consent.domain.bundle import CERTIFICATE, CHECKPOINT, CONSISTENCY, ENTRIES
from consent.domain.checkpoint import Checkpoint
from consent.domain.entry import PlacedEntry
from consent.domain.errors import LogTreeError
from consent.domain.hashing import Json
from consent.domain.merkle import InclusionError, leaf_hash
from consent.domain.shared_paths import PathChecker, PathMaker
from consent.ports import Unit
from consent.services.bundles.spool import Spool
from consent.services.bundles.standing import Standing, consistencies

_AT_ONCE: Final = 500


def add_log(spool: Spool, unit: Unit, standing: Standing, others: Iterable[int]) -> None:
    """Add what shows which log the bundle is of, and that the checkpoints of `others` sizes are of the same."""
    spool.add(CHECKPOINT, [standing.note.encode()])
    for certificate in unit.certificates.of(standing.size)[:1]:
        spool.add_json(
            CERTIFICATE,
            {
                "version": 1,
                "registry_version": certificate.version,
                "bitmap": certificate.bitmap.hex(),
                "signature": certificate.signature.hex(),
            },
        )
    spool.add_lines(CONSISTENCY, consistencies(unit, standing.size, others))


def add_entries(spool: Spool, unit: Unit, standing: Standing, indices: Iterable[int]) -> None:
    """Add entries, whose indices increase, with proofs; raise `LogTreeError` where one does not lead to the checkpoint.

    Whoever opens the installation again has the tree mended, or hears what was altered.
    """
    spool.add_lines(ENTRIES, _entries(unit, standing.checkpoint, indices))


def _entries(unit: Unit, checkpoint: Checkpoint, indices: Iterable[int]) -> Iterator[Mapping[str, Json]]:
    maker, coming = PathMaker(checkpoint.size, unit.log.subtrees), iter(indices)
    checker = PathChecker(checkpoint.size, checkpoint.root)
    while some := list(islice(coming, _AT_ONCE)):
        found = unit.log.some(some)
        for index, proof in zip(some, maker.proofs(some), strict=True):
            text = _text(found.get(index))
            _require(checker, index, text, proof)
            yield {"index": index, "entry": text, "proof": [part.hex() for part in proof]}


def _text(entry: PlacedEntry | None) -> str:
    return entry.body.decode(errors="replace") if entry else ""


def _require(checker: PathChecker, index: int, text: str, proof: Sequence[bytes]) -> None:
    try:
        checker.check(index, leaf_hash(text.encode()), proof)
    except InclusionError as error:
        raise LogTreeError("the log's tree is not what was signed: open the installation again") from error
