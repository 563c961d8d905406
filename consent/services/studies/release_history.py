"""What became of a study's releases, and what changed from one to the next: figures, and counts that name nobody.

Who left and who came is counted among those who have a key; a row that is nobody's any more counts as one that left
where the next release has fewer such rows. Counts are shown as `analytics.disclosure` shows them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from analytics.disclosure import shown
from consent.domain.hashing import sha256
from consent.ports import ModelStatus, Store, StoredRelease
from consent.services.projection import LedgerProjection
from consent.services.studies.departures import Members, members
from consent.services.studies.standing import model_status
from vault import Vault


@dataclass(frozen=True, slots=True)
class Change:
    """About how many rows left and came since the release before; None where it is too few to be shown."""

    left: int | None
    came: int | None


@dataclass(frozen=True, slots=True)
class PastRelease:
    """One release of a study.

    Attributes:
        release: its number.
        status: as the registry has it, or will.
        model: SHA-256 of its bytes.
        manifest: SHA-256 of its manifest.
        rows: of its training, as shown.
        auroc: out of fold.
        slope: of calibration, None where it is not defined.
        asked: SHA-256 of its dictionary and of its cohort, hex.
        change: since the release before, None for the first.
    """

    release: int
    status: ModelStatus
    model: bytes
    manifest: bytes
    rows: int | None
    auroc: float
    slope: float | None
    asked: tuple[str, str]
    change: Change | None


@dataclass(frozen=True, slots=True)
class ReleaseHistory:
    """Tells what became of releases."""

    store: Store
    vault: Vault
    projection: LedgerProjection

    def of(self, study: str) -> list[PastRelease]:
        """Return a study's releases, oldest first."""
        with self.store.reading() as unit:
            self.projection.refresh(unit)
            kept = unit.studies.releases(study)
            standing_in = [members(unit, self.vault, study, stored.release) for stored in kept]
            statuses = [model_status(unit, self.projection, stored.model_hash) for stored in kept]
        changes = [None, *(_change(*two) for two in pairwise(standing_in))]
        return [_told(*one) for one in zip(kept, statuses, standing_in, changes[: len(kept)], strict=True)]


def _change(before: Members, after: Members) -> Change:
    stayed = len(before.rows.keys() & after.rows.keys())
    left = len(before.rows) - stayed + max(0, before.unowned - after.unowned)
    came = len(after.rows) - stayed + max(0, after.unowned - before.unowned)
    return Change(shown(left), shown(came))


def _told(stored: StoredRelease, status: ModelStatus, standing_in: Members, change: Change | None) -> PastRelease:
    evaluation: dict[str, Any] = json.loads(stored.evaluation)
    manifest: dict[str, Any] = json.loads(stored.manifest)
    rows = len(standing_in.rows) + standing_in.unowned
    return PastRelease(
        stored.release,
        status,
        stored.model_hash,
        sha256(stored.manifest),
        shown(rows),
        evaluation["auroc"]["estimate"],
        evaluation["calibration"]["slope"],
        (manifest["dictionary"], manifest.get("cohort", "")),
        change,
    )


def what_changed(history: Sequence[PastRelease]) -> list[str]:
    """Return a sentence for each release after the first: what it has that the one before had not."""
    return [_sentence(before, after) for before, after in pairwise(history)]


def _sentence(before: PastRelease, after: PastRelease) -> str:
    change = after.change or Change(None, None)
    rows = f"rows that left: {_few(change.left)}, rows that came: {_few(change.came)}"
    slopes = f"{_number(before.slope)} to {_number(after.slope)}"
    figures = f"AUROC {before.auroc:.3f} to {after.auroc:.3f}, slope of calibration {slopes}"
    question = "another dictionary or cohort; " if before.asked != after.asked else ""
    return f"Release {before.release} to {after.release}: {question}{rows}; {figures}."


def _few(count: int | None) -> str:
    return "fewer than 10" if count is None else f"about {count:,}"


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
