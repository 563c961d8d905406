"""Review: an operator looks at a release that was suspended, or one that stands, and decides; the log says why."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.ports import ModelStatus, Store, StoredRelease, Unit
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.studies.standing import STANDING, model_status
from consent.services.studies.suspending import gate_failures

LONGEST_REASON: Final = 300
_VERDICTS: Final = {ModelStatus.ACTIVE: "ACTIVATED", ModelStatus.RETIRED: "RETIRED"}


class ReviewError(ConsentError):
    """This release cannot be decided on in this way; nothing changed, the message says why."""


@dataclass(frozen=True, slots=True)
class Reviewing:
    """Operators' decisions on releases."""

    store: Store
    projection: LedgerProjection
    log: Log
    clock: Callable[[], datetime]

    def activate(self, study: str, release: int, reason: str) -> None:
        """Let a suspended release be served, which is a study's newest and passed the release gate.

        Raises `ReviewError`.
        """
        with self.store.begin() as unit:
            stored, newest = self._reviewed(unit, study, release, reason)
            if self._status(unit, stored) is not ModelStatus.SUSPENDED or stored != newest:
                raise ReviewError("only a study's newest release can be activated, while it is suspended")
            if failed := gate_failures(unit.log, stored):
                raise ReviewError(f"this model may never be served: {failed[0]}; train another one")
            self._decide(unit, stored, ModelStatus.ACTIVE, reason)

    def retire(self, study: str, release: int, reason: str) -> None:
        """Withdraw a release for ever; raise `ReviewError` where it is not served any more."""
        with self.store.begin() as unit:
            stored, _ = self._reviewed(unit, study, release, reason)
            if self._status(unit, stored) not in STANDING:
                raise ReviewError("this release is retired already, or was never registered")
            self._decide(unit, stored, ModelStatus.RETIRED, reason)

    def _reviewed(self, unit: Unit, study: str, release: int, reason: str) -> tuple[StoredRelease, StoredRelease]:
        """Return the release and the study's newest one."""
        if not (reason.strip() and reason.isprintable() and len(reason) <= LONGEST_REASON):
            raise ReviewError(
                f"a reason is one line of up to {LONGEST_REASON} characters: it stays in the log for good"
            )
        releases = unit.studies.releases(study)
        found = next((stored for stored in releases if stored.release == release), None)
        if found is None:
            raise ReviewError("this study has no such release: `consentry local releases` lists them")
        return found, releases[-1]

    def _status(self, unit: Unit, stored: StoredRelease) -> ModelStatus:
        self.projection.refresh(unit)
        return model_status(unit, self.projection, stored.model_hash)

    def _decide(self, unit: Unit, stored: StoredRelease, status: ModelStatus, reason: str) -> None:
        facts: dict[str, Json] = {"release": stored.release, "model": stored.model_hash.hex(), "reason": reason}
        now = int(self.clock().timestamp())
        unit.model_acts.add(stored.model_hash, status)
        entry = Entry(now, "operator", Action.REVIEW, _VERDICTS[status], study=stored.study, facts=facts)
        self.log.append(unit, [entry])
