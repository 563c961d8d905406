"""Blocks whose times are known without asking a chain: what the copy keeps, and what something is pinned to."""

import json
from collections.abc import Iterator

from consent.ports import Unit
from consent.services.console.dating import moment
from consent.services.projection import LedgerProjection


def known_blocks(unit: Unit, projection: LedgerProjection) -> Iterator[tuple[int, int]]:
    """Yield number and time of each such block; refresh the projection in this transaction before."""
    if projection.head is not None:
        yield moment(projection.head.block)
        yield moment(projection.head.final)
    yield from (moment(kept.block) for kept in unit.projection.kept())
    yield from ((anchor.block, anchor.time) for anchor in unit.log.anchors())
    for study in unit.studies.everything():
        for stored in unit.studies.releases(study.reference.id):
            manifest = json.loads(stored.manifest)
            yield manifest["block"], manifest["block_time"]
