"""The releases of a bundle: their signed manifests, the openings of their rows, and what is served.

manifests.ndjson      {"study", "release", "envelope": {…}}, or "manifest" in its place: version 1 was not signed
rows/<place>.ndjson   {"leaf": "<64 hex>", "opening": "<232 hex>" or null, "consent": id or null}   sorted by leaf
served.ndjson         {"study", "release", "model": SHA-256 of the bytes as they are kept}
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from consent.domain.bundle import MANIFESTS, SERVED, rows_of
from consent.domain.entry import Action
from consent.domain.hashing import Json, sha256
from consent.domain.telling import facts_of, said
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
        """Add what each study serves now, where the bundle's entries tell of its release."""
        spool.add_lines(SERVED, self._served(unit, selection))

    def _rows(self, unit: Unit, stored: StoredRelease, consents: Mapping[bytes, str]) -> Iterator[Mapping[str, Json]]:
        for leaf, opening in self.evidence.rows(unit, stored):
            yield {
                "leaf": leaf.hex(),
                "opening": opening.to_bytes().hex() if opening else None,
                "consent": consents.get(opening.commitment) if opening else None,
            }

    def _served(self, unit: Unit, selection: Selection) -> Iterator[Mapping[str, Json]]:
        told = _registered(unit, selection.size)
        for study in sorted({study for study, _ in told}):
            kept = unit.studies.releases(study)
            wanted = kept and (selection.studies is None or study in selection.studies)
            if wanted and (study, kept[-1].release) in told and self._is_active(unit, kept[-1]):
                yield {"study": study, "release": kept[-1].release, "model": sha256(kept[-1].model).hex()}

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


def _registered(unit: Unit, size: int) -> set[tuple[str, int]]:
    """Return study and number of each release that entries below `size` call active."""
    found = set[tuple[str, int]]()
    for entry in unit.log.saying((Action.RELEASE,)):
        body = (said(entry) if entry.index < size else None) or {}
        release = facts_of(body).get("release")
        if body.get("verdict") == "ACTIVE" and type(release) is int:
            found.add((str(body.get("study", "")), release))
    return found
