"""The studies that may ask for anything: as they were approved, and no other way."""

import json

from consent.domain.entry import Action
from consent.domain.errors import ConsentError
from consent.domain.study import InvalidStudyError, Study
from consent.domain.study_acts import StudyActs
from consent.ports import Unit
from consent.services.acts import read_acts


class StudyNotApprovedError(ConsentError):
    """No such study is registered here, or it is not as it was approved; restore it, or approve the new one."""


class StudyClosedError(StudyNotApprovedError):
    """The study was closed, for good: nothing is done for it any more; register another one."""


class StudyNotRecruitingError(ConsentError):
    """The study was approved and asks nobody yet; open its request first."""


def approved_study(unit: Unit, study_id: str) -> Study:
    """Return a study that is as the log says it was approved, also one that was closed.

    Raises `StudyNotApprovedError`.
    """
    return approved_study_acts(unit, study_id)[0]


def open_study(unit: Unit, study_id: str) -> Study:
    """Return a study for which something may be done; raise `StudyNotApprovedError`, or `StudyClosedError`."""
    return open_study_acts(unit, study_id)[0]


def open_study_acts(unit: Unit, study_id: str) -> tuple[Study, StudyActs]:
    """Return such a study and what the log says of studies; raise as `open_study` does."""
    study, acts = approved_study_acts(unit, study_id)
    if study_id in acts.closed:
        raise StudyClosedError("the study was closed: nothing is done for it any more")
    return study, acts


def approved_study_acts(unit: Unit, study_id: str) -> tuple[Study, StudyActs]:
    """Return a study that is as it was approved, and what the log says of studies; raise `StudyNotApprovedError`."""
    study, acts = unit.studies.get(study_id), read_acts(unit.log, Action.APPROVE).studies
    if study is None:
        raise StudyNotApprovedError("no such study is registered here: register it first")
    if study.hash() != acts.approved.get(study_id):
        raise StudyNotApprovedError("the study is not the one that was approved: restore it, or approve the new one")
    return study, acts


def as_approved(definition: bytes, approved: str) -> Study | None:
    """Return the study of a stored row, None where it is not as it was approved or is no study any more.

    `approved` is the SHA-256 of the definition, hex, as the log has it.
    """
    try:
        study = Study.from_json(json.loads(definition))
    except (InvalidStudyError, ValueError):  # the row was altered: its study may ask for nothing, others go on
        return None
    return study if study.hash() == approved else None
