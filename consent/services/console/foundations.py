"""Whose consents each model stands on, how many of those people withdrew since, and whether it is in service.

Who has a row in a release the log tells too: each training's reads name their consents. No record is opened here.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent.domain.hashing import sha256
from consent.domain.manifest import Opening
from consent.domain.terms import SubjectId
from consent.ports import ModelStatus, Store, StoredRelease, Unit
from consent.services.book import BookEntry
from consent.services.console.reconciling import Reconciling
from consent.services.console.sides import ConsentState, Sides, state_of
from consent.services.studies.departures import Members, members
from consent.services.studies.standing import current_release, model_status
from consent.services.studies.training import OPENING_LABEL
from vault import Part, Vault


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a training: whose, under which consent, and how that stands now."""

    subject: SubjectId
    consent: str
    state: ConsentState
    ended: int | None


@dataclass(frozen=True, slots=True)
class Foundation:
    """One release, and the consents under it.

    Attributes:
        study: the study's id.
        release: its number.
        model: SHA-256 of the model's bytes as they are stored, hex.
        manifest: SHA-256 of the manifest, hex.
        status: what the registry says of it, or will.
        registered: whether the registry has this manifest for these bytes; None where it does not know the model.
        served: whether predictions come from it now.
        rows: how many rows it was trained on.
        block: at which consents were judged.
        block_time: time of that block, Unix seconds.
        living: the rows of people who were not erased.
        erased: how many rows are nobody's any more.
    """

    study: str
    release: int
    model: str
    manifest: str
    status: ModelStatus
    registered: bool | None
    served: bool
    rows: int
    block: int
    block_time: int
    living: Sequence[Row]
    erased: int

    @property
    def withdrawn(self) -> int:
        """Of how many people the consent ended since, erasures among them."""
        return self.erased + sum(row.state is not ConsentState.IN_FORCE for row in self.living)

    def ended(self, *how: ConsentState) -> int:
        """Return of how many rows the consent ended so."""
        return sum(row.state in how for row in self.living)


@dataclass(frozen=True, slots=True)
class Foundations:
    """Reads the consents under models."""

    store: Store
    vault: Vault
    sides: Reconciling
    clock: Callable[[], datetime]

    def all(self) -> list[Foundation]:
        """Return every release, the newest of each study first."""
        with self.store.reading() as unit:
            self.sides.follow(unit)
            return [one for study in unit.studies.everything() for one in self._of_study(unit, study.reference.id)]

    def of_model(self, model: str) -> Foundation | None:
        """Return the newest release with this model hash (hex), None where there is none."""
        with self.store.reading() as unit:
            self.sides.follow(unit)
            place = unit.studies.of_model(bytes.fromhex(model))
            found = self._of_study(unit, place[0], place[1]) if place else iter(())
            return next(found, None)

    def _of_study(self, unit: Unit, study: str, release: int | None = None) -> Iterator[Foundation]:
        current = current_release(unit, self.sides.projection, study)
        for stored in reversed(unit.studies.releases(study)):
            if release in {None, stored.release}:
                newest = current is not None and current.release == stored.release
                yield self._foundation(unit, stored, newest=newest)

    def _foundation(self, unit: Unit, stored: StoredRelease, *, newest: bool) -> Foundation:
        manifest: dict[str, Any] = json.loads(stored.manifest)
        model, status = sha256(stored.model), model_status(unit, self.sides.projection, stored.model_hash)
        standing_in = members(unit, self.vault, stored.study, stored.release)
        closed = stored.study in self.sides.book.closed
        return Foundation(
            study=stored.study,
            release=stored.release,
            model=model.hex(),
            manifest=sha256(stored.manifest).hex(),
            status=status,
            registered=self._is_registered(model, sha256(stored.manifest)),
            served=newest and status is ModelStatus.ACTIVE and not closed,
            rows=manifest["rows"],
            block=manifest["block"],
            block_time=manifest["block_time"],
            living=list(self._rows(standing_in)),
            erased=standing_in.unowned,
        )

    def _is_registered(self, model: bytes, manifest: bytes) -> bool | None:
        known = self.sides.projection.models.get(model)
        return None if known is None else known.manifest == manifest

    def _rows(self, standing_in: Members) -> Iterator[Row]:
        parts = [Part(subject, opening.sealed, opening.leaf) for subject, opening in standing_in.rows.items()]
        opened = map(Opening.from_bytes, self.vault.unseal_all(OPENING_LABEL, parts)) if parts else iter(())
        now = self.sides.now()
        for subject, opening in zip(standing_in.rows, opened, strict=True):
            yield self._row(subject, opening.commitment, now)

    def _row(self, subject: SubjectId, commitment: bytes, now: int) -> Row:
        entry = next((one for one in self.sides.book.entries(subject) if one.commitment == commitment), None)
        if entry is None:
            return Row(subject, "", ConsentState.GONE, None)
        sides = self._sides(subject, entry)
        stands = state_of(sides, now)
        expired = sides.chain.expires if sides.chain and stands is ConsentState.EXPIRED else None
        return Row(subject, entry.id, stands, sides.stopped.time if sides.stopped else expired)

    def _sides(self, subject: SubjectId, entry: BookEntry) -> Sides:
        here = self.sides
        return Sides(
            id=entry.id,
            stopped=here.chronicle.stopped.get(entry.id),
            undone=here.chronicle.undone.get(entry.id),
            chain=here.projection.rows.get((entry.patient, entry.commitment)),
            gone=subject in here.book.blocked,
        )
