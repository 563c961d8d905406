"""All that a model card says of one release, from what is kept of it: nobody's records are opened for it.

A retired release has its card still: it stays citable by the model's hash.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics import CohortQuery, Dictionary, Evaluation, GateFigures
from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.domain.study import Study
from consent.ports import ModelStatus, Store, StoredRelease, Unit
from consent.services.projection import LedgerProjection
from consent.services.studies.approved import approved_study
from consent.services.studies.flow import participant_flow
from consent.services.studies.logged import logged_manifest
from consent.services.studies.standing import model_status


class NoCardError(ConsentError):
    """There is no such release, or it is of a version that kept too little; train the next one, or name another."""


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What is known of a release.

    Attributes:
        study: as approved.
        release: its number.
        status: what the registry says of it, or will.
        manifest: as JSON values.
        evaluation: how good it is.
        gate: what it gives away.
        dictionary: what it looks at.
        cohort: whom it is about, in English; empty: everybody, on the dictionary's day.
        flow: about how many people were admitted or refused, by verdict; None: too few to be shown.
    """

    study: Study
    release: int
    status: ModelStatus
    manifest: Mapping[str, Any]
    evaluation: Evaluation
    gate: GateFigures
    dictionary: Dictionary
    cohort: str
    flow: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A release's manifest: its canonical JSON, the SHA-256 of that, hex, and the envelope with the log's signature."""

    content: bytes
    hash: str
    envelope: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReleaseRoom:
    """Where what is known of releases is looked up."""

    store: Store
    projection: LedgerProjection

    def facts(self, study_id: str, release: int | None = None) -> ReleaseFacts:
        """Return what is known of a release, of the newest where none is named.

        Raises `StudyNotApprovedError` or `NoCardError`.
        """
        with self.store.reading() as unit:
            study = approved_study(unit, study_id)
            found = [one for one in unit.studies.releases(study_id) if release in {None, one.release}]
            if not found or not found[-1].dictionary:
                raise NoCardError("no such release has a card: `consentry local releases` lists them")
            self.projection.refresh(unit)
            status = model_status(unit, self.projection, found[-1].model_hash)
            _require_whole(unit, found[-1])
            return _facts(unit, study, found[-1], status)

    def manifest(self, study_id: str, release: int) -> SignedManifest:
        """Return a release's manifest; raise `StudyNotApprovedError` or `NoCardError`."""
        with self.store.reading() as unit:
            approved_study(unit, study_id)
            found = next((one for one in unit.studies.releases(study_id) if one.release == release), None)
            if found is None or not found.envelope:
                raise NoCardError("no such release has a signed manifest: `consentry local releases` lists them")
            _require_whole(unit, found)
        return SignedManifest(found.manifest, sha256(found.manifest).hex(), json.loads(found.envelope))

    def require(self, study_id: str) -> None:
        """Raise `StudyNotApprovedError` where no such study was approved."""
        with self.store.reading() as unit:
            approved_study(unit, study_id)


def _require_whole(unit: Unit, stored: StoredRelease) -> None:
    """Refuse figures that are not those of the training, as the log has their hashes."""
    manifest, kept = logged_manifest(unit.log, stored), (sha256(stored.evaluation).hex(), sha256(stored.gate).hex())
    if manifest is None or kept != (manifest.evaluation, manifest.gate):
        raise NoCardError("what is kept of this release is not what the log says of it: restore it from a backup")


def _facts(unit: Unit, study: Study, stored: StoredRelease, status: ModelStatus) -> ReleaseFacts:
    manifest = json.loads(stored.manifest)
    return ReleaseFacts(
        study=study,
        release=stored.release,
        status=status,
        manifest=manifest,
        evaluation=Evaluation.from_json(json.loads(stored.evaluation)),
        gate=GateFigures.from_json(json.loads(stored.gate)),
        dictionary=Dictionary.parse(stored.dictionary),
        cohort=CohortQuery.parse(stored.cohort).english() if stored.cohort else "",
        flow=participant_flow(unit.log, stored.study, stored.release, manifest["rows"]),
    )
