"""The releases of a bundle: their signed manifests, the openings of their rows, and what is served.

manifests.ndjson      {"study", "release", "envelope": {…}}, or "manifest" in its place: version 1 was not signed
rows/<place>.ndjson   {"leaf": "<64 hex>", "opening": "<232 hex>" or null, "consent": id or null}   sorted by leaf
served.ndjson         {"study", "release", "model": SHA-256 of the bytes that are kept and served, or null}

Of each study whose newest release was not withdrawn, as far as the bundle's checkpoint goes, it says what is served
now: null where that is nothing any more, or a release of after the checkpoint.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from consent.domain.bundle import MANIFESTS, SERVED, rows_of
from consent.domain.hashing import Json, sha256
from consent.domain.released_models import TELLING, Release, ReleasedModels, turn_of
from consent.domain.telling import said
from consent.ports import ModelStatus, StoredRelease, Unit
from consent.services.bundles.selecting import Selection
from consent.services.bundles.spool import Spool
from consent.services.evidence import EvidenceRoom
from consent.services.projection import LedgerProjection
from consent.services.studies.standing import model_status


@dataclass(frozen=True, slots=True)
class ReleaseFiles:
    """Writes what a bundle has of releases; `projection` is up to date in the transaction."""

    evidence: EvidenceRoom
    projection: LedgerProjection

    def add(self, spool: Spool, unit: Unit, selection: Selection, consents: Mapping[bytes, str]) -> None:
        """Add manifests and rows; `consents` gives the id of each consent by its commitment."""
        spool.add_lines(MANIFESTS, (_manifest(stored) for stored in _stored(unit, selection)))
        for place, stored in enumerate(_stored(unit, selection)):
            spool.add_lines(rows_of(place), self._rows(unit, stored, consents))

    def add_served(self, spool: Spool, unit: Unit, selection: Selection) -> None:
        """Add what is served now of each study that served something when the checkpoint was signed, by its log."""
        spool.add_lines(SERVED, self._served(unit, selection))

    def _rows(self, unit: Unit, stored: StoredRelease, consents: Mapping[bytes, str]) -> Iterator[Mapping[str, Json]]:
        for leaf, opening in self.evidence.rows(unit, stored):
            yield {
                "leaf": leaf.hex(),
                "opening": opening.to_bytes().hex() if opening else None,
                "consent": consents.get(opening.commitment) if opening else None,
            }

    def _served(self, unit: Unit, selection: Selection) -> Iterator[Mapping[str, Json]]:
        for study, release in sorted(_in_service(unit, selection.size).items()):
            if selection.studies is None or study in selection.studies:
                yield {"study": study, "release": release.release, "model": self._model(unit, release)}

    def _model(self, unit: Unit, release: Release) -> str | None:
        """Return the SHA-256 of what is served, None where that is not this release."""
        newest = unit.studies.releases(release.study)[-1:]
        served = [one for one in newest if one.release == release.release and self._is_active(unit, one)]
        return sha256(served[0].model).hex() if served else None

    def _is_active(self, unit: Unit, stored: StoredRelease) -> bool:
        return model_status(unit, self.projection, stored.model_hash) is ModelStatus.ACTIVE


def _stored(unit: Unit, selection: Selection) -> Iterator[StoredRelease]:
    """Yield the releases of a selection, which are in the order of their studies and numbers."""
    study, kept = "", dict[int, StoredRelease]()
    for wanted in selection.releases:
        if wanted.study != study:
            study, kept = wanted.study, {one.release: one for one in unit.studies.releases(wanted.study)}
        if wanted.release in kept:
            yield kept[wanted.release]


def _manifest(stored: StoredRelease) -> dict[str, Json]:
    named: dict[str, Json] = {"study": stored.study, "release": stored.release}
    if stored.envelope:
        return named | {"envelope": json.loads(stored.envelope)}
    return named | {"manifest": json.loads(stored.manifest)}


def _in_service(unit: Unit, size: int) -> dict[str, Release]:
    """Return what was in service of each study, as entries below `size` say."""
    found = ReleasedModels()
    for entry in unit.log.saying(TELLING):
        turn = turn_of((said(entry) if entry.index < size else None) or {})
        if turn is not None:
            found.take(turn)
    return found.in_service()
