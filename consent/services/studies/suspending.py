"""Why a new release may not be served at once: what the release gate measured, and what the study asks for."""

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from analytics import Evaluation, GateFigures
from consent.domain.hashing import sha256
from consent.domain.study import Study
from consent.ports import AuditLog, StoredRelease
from consent.services.acts import said

_TRAIN: Final = b'{"action":"train"'
"""How the entry of a training begins (RFC 8785 sorts names)."""


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


def gate_failures(stored: StoredRelease, log: AuditLog) -> tuple[str, ...]:
    """Return why a release may never be served, empty where it passed the release gate.

    What is stored counts only as the log has it: the training's entry names the manifest, and that names the figures.
    """
    if not stored.gate:
        return ("it comes from before there was a release gate",)
    manifest = _trained(stored, log)
    if manifest is None or manifest.get("gate") != sha256(stored.gate).hex():
        return ("what is stored of it is not what the log says was trained: restore it",)
    return GateFigures.from_json(json.loads(stored.gate)).failures()


def _trained(stored: StoredRelease, log: AuditLog) -> Mapping[str, Any] | None:
    """Return the stored manifest, None unless an entry says that this release was trained with it."""
    told = {"release": stored.release, "model": stored.model_hash.hex(), "manifest": sha256(stored.manifest).hex()}
    for entry in log.entries():
        body = said(entry) if entry.body.startswith(_TRAIN) else None
        facts = body.get("facts") if body is not None and body.get("study") == stored.study else None
        if isinstance(facts, Mapping) and all(facts.get(name) == value for name, value in told.items()):
            manifest: Mapping[str, Any] = json.loads(stored.manifest)
            return manifest
    return None
