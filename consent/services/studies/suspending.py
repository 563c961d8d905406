"""Why a new release may not be served at once: what the release gate measured, and what the study asks for."""

import json
from typing import Protocol

from analytics import Evaluation, GateFigures
from consent.domain.hashing import sha256
from consent.domain.study import Study
from consent.ports import AuditLog, StoredRelease
from consent.services.studies.logged import logged_manifest


class Figures(Protocol):
    """What the release gate measured of a model; `analytics.GateFigures`."""

    def failures(self) -> tuple[str, ...]:
        """Return a plain sentence for each figure that is out of bounds."""


def reasons_to_suspend(study: Study, evaluation: Evaluation, gate: Figures) -> tuple[str, ...]:
    """Return a sentence for each reason, empty where the release may become active.

    A release with any is registered all the same, then suspended, until an operator has looked at it.
    """
    failed = gate.failures()
    if study.bounds is None:
        return failed
    return failed + study.bounds.failures(evaluation.auroc.estimate, evaluation.calibration.slope)


def gate_failures(log: AuditLog, stored: StoredRelease) -> tuple[str, ...]:
    """Return why a release may never be served, empty where it passed the release gate; one was always measured.

    Figures count as the manifest in the log names them, whatever the database says.
    """
    if not stored.gate:
        return ("it comes from before there was a release gate",)
    manifest = logged_manifest(log, stored)
    if manifest is None or manifest.gate != sha256(stored.gate).hex():
        return ("what the release gate measured is not what the log says: restore it, or train another release",)
    return GateFigures.from_json(json.loads(stored.gate)).failures()
