"""A model's file that leaves: an active release that passed the release gate, without its nodes' statistics, logged.

What left cannot be called back when somebody withdraws; the log has the hash of every file that did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics.release_gate import strip
from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json, sha256
from consent.ports import Store, StoredRelease
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.studies.approved import open_study
from consent.services.studies.serving import ModelRefusedError, load_active
from consent.services.studies.suspending import gate_failures

EXPORTED: Final = "EXPORTED"


class ExportRefusedError(ConsentError):
    """No file leaves of this release; the message has the figure that failed, or which release could."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that leaves; it forecasts as the release does, bit for bit, and explains nothing."""

    study: str
    release: int
    content: bytes

    @property
    def hash(self) -> str:
        """SHA-256 of the file, hex, as the log has it."""
        return sha256(self.content).hex()


@dataclass(frozen=True, slots=True)
class Exporting:
    """Files of the studies' models; `max_staleness` in seconds."""

    store: Store
    projection: LedgerProjection
    log: Log
    max_staleness: int

    def export(self, study_id: str, release: int, now: datetime) -> Exported:
        """Return a release's file; the log has its hash before this returns.

        Raises `StudyNotApprovedError`, `ExportRefusedError`, and `ModelRefusedError` for what is not ACTIVE.
        """
        stored = self._stored(study_id, release)
        with self.store.reading() as unit:
            failed = gate_failures(unit.log, stored)
        if failed:
            self._write(stored, "RELEASE_GATE", {"failed": list(failed)}, now)
            raise ExportRefusedError(f"this model may not leave: {' '.join(failed)}")
        try:
            load_active(self.store, self.projection, stored.model, now, self.max_staleness)
        except ModelRefusedError:
            self._write(stored, "MODEL", {}, now)
            raise
        exported = Exported(study_id, release, strip(stored.model))
        self._write(stored, EXPORTED, {"file": exported.hash}, now)
        return exported

    def _stored(self, study_id: str, release: int) -> StoredRelease:
        with self.store.reading() as unit:
            open_study(unit, study_id)
            return release_of(unit.studies.releases(study_id), release)

    def _write(self, stored: StoredRelease, verdict: str, more: dict[str, Json], now: datetime) -> None:
        facts: dict[str, Json] = {"release": stored.release, "model": stored.model_hash.hex(), **more}
        second = int(now.timestamp())
        with self.store.begin() as unit:
            self.log.append(unit, [Entry(second, "operator", Action.EXPORT, verdict, study=stored.study, facts=facts)])


def release_of(releases: Sequence[StoredRelease], number: int | None) -> StoredRelease:
    """Return the release with this number, the newest where none is named; raise `ExportRefusedError`."""
    found = [stored for stored in releases if number in {None, stored.release}]
    if not found:
        raise ExportRefusedError("the study has no such release: `consentry local releases` lists them")
    return found[-1]
