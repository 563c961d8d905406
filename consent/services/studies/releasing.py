"""Releases: what a stop, an expiry or an erasure changes in a study's current model, and when it is trained anew.

Departures are gathered: a revocation on the chain with a new model right beside it would point at the person. A release
is due once enough people left, or some days after the first of them did; of an erased person, always within a month.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from analytics import AnalyticsError
from consent.domain.decision import Permit, ledger_refusal
from consent.domain.entry import Action
from consent.domain.errors import ConsentError
from consent.ports import JobState, ModelStatus, Store, Unit
from consent.services.acts import read_acts
from consent.services.book import ConsentBook
from consent.services.gate import ConsentGate
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.studies.approved import StudyNotApprovedError, open_study
from consent.services.studies.departures import Departures, Judged, departures, members
from consent.services.studies.retraining import RETRAIN, access_of, retraining_job
from consent.services.studies.standing import current_release, model_status
from consent.services.studies.training import TrainingError
from consent.services.studies.training_job import TRAIN
from vault import Vault

ERASURE_DAYS: Final = 27
"""An erasure has a month (GDPR, article 12), which has 28 days at the least; the last one is for the training."""
AGAIN_SECONDS: Final = 86400
"""So long after a training that failed it is tried again."""
_DAY: Final = 86400


class ReleaseUnknownError(ConsentError):
    """How a release stands cannot be said now; let the ledger be read again, then ask again."""


@dataclass(frozen=True, slots=True)
class ReleaseRules:
    """After how many departures a release is due, and how many days after the first one all the same."""

    changes: int = 10
    days: int = 30

    def why(self, departed: Departures, now: int) -> tuple[str, ...]:
        """Return why a release that these people left is to be trained anew, nothing where it is not; Unix seconds."""
        reasons, days = [], min(self.days, ERASURE_DAYS)
        if departed.people >= self.changes:
            reasons.append(f"{self.changes} people or more left it")
        if departed.since is not None and now >= departed.since + self.days * _DAY:
            reasons.append(f"the first of those who left did so {self.days} days ago or more")
        if departed.erased_since is not None and now >= departed.erased_since + days * _DAY:
            reasons.append(f"somebody of it asked to be erased {days} days ago or more")
        return tuple(reasons)


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """How a study's current release stands.

    Attributes:
        release: its number.
        status: as the registry has it, or will.
        rows: of its training.
        departed: who left since, and since when.
        arrivals: how many people would be admitted now who have no row in it; some may have no outcome to learn from.
        why: it is to be trained anew now, a sentence without counts for each reason; nothing where it is not due.
    """

    release: int
    status: ModelStatus
    rows: int
    departed: Departures
    arrivals: int
    why: tuple[str, ...]

    @property
    def due(self) -> bool:
        """Whether it is to be trained anew now."""
        return bool(self.why)


@dataclass(frozen=True, slots=True)
class Releasing:
    """The releases of this installation's studies."""

    store: Store
    vault: Vault
    book: ConsentBook
    projection: LedgerProjection
    log: Log
    clock: Callable[[], datetime]
    max_staleness: int
    rules: ReleaseRules = field(default_factory=ReleaseRules)

    def state(self, study_id: str) -> ReleaseState | None:
        """Say how a study's current release stands, None where it has none.

        Raises `StudyNotApprovedError`, and `ReleaseUnknownError` while nothing can be decided on the ledger.
        """
        with self.store.reading() as unit:
            return self._state(unit, study_id, self.clock())

    def queue_due(self) -> list[str]:
        """Queue the training of each release that is due and not queued yet; return the studies."""
        now = self.clock()
        with self.store.reading() as unit:
            acts = read_acts(unit.log, Action.APPROVE)
            due = [study for study in acts.approved if study not in acts.closed and self._is_due(unit, study, now)]
        with self.store.begin() as unit:
            queued = [study for study in due if not self._is_queued(unit, study, int(now.timestamp()))]
            for study in queued:
                unit.jobs.add(retraining_job(study, now))
        return queued

    def _is_due(self, unit: Unit, study: str, now: datetime) -> bool:
        """Say whether a study's release is due, as far as can be said now."""
        try:
            state = self._state(unit, study, now)
        except (ReleaseUnknownError, StudyNotApprovedError, TrainingError, AnalyticsError):
            return False
        return state is not None and state.due

    def _is_queued(self, unit: Unit, study: str, now: int) -> bool:
        """Say whether a training of this study waits, runs, or failed only lately."""
        for job in unit.jobs.everything():
            ours = job.kind in {TRAIN, RETRAIN} and json.loads(job.parameters).get("study") == study
            lately = (
                job.kind == RETRAIN and job.state is not JobState.DONE and (job.finished or 0) > now - AGAIN_SECONDS
            )
            if ours and (lately or not job.state.is_over):
                return True
        return False

    def _state(self, unit: Unit, study_id: str, now: datetime) -> ReleaseState | None:
        study = open_study(unit, study_id)
        gate = ConsentGate(self.store, self.log, self.book, self.projection, study, self.clock, self.max_staleness)
        self.projection.refresh(unit)
        stored = current_release(unit, self.projection, study_id)
        if stored is None:
            return None
        if not stored.dictionary:
            raise ReleaseUnknownError("this release was trained before dictionaries were kept: train the study anew")
        people = [patient.subject for patient in unit.patients.everyone() if not patient.blocked]
        decisions = gate.decide_all(unit, people, access_of(study, stored), now)
        stale = ledger_refusal(self.projection.reading(), now, self.max_staleness)
        if stale is not None:
            raise ReleaseUnknownError(f"{stale.name}: nothing can be said until the ledger is read again")
        permitted = {subject for subject, decision in decisions.items() if isinstance(decision, Permit)}
        of_release = members(unit, self.vault, study_id, stored.release)
        second = max(int(now.timestamp()), self.projection.reading().block_time)
        judged = Judged(self.vault, self.book, self.projection, second)
        departed = departures(unit, stored, of_release, judged, permitted)
        return ReleaseState(
            release=stored.release,
            status=model_status(unit, self.projection, stored.model_hash),
            rows=len(of_release.rows) + of_release.unowned,
            departed=departed,
            arrivals=len(permitted - of_release.rows.keys()),
            why=self.rules.why(departed, int(now.timestamp())),
        )
