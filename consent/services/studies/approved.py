"""The studies that may ask for anything: as they were approved, and no other way."""

from collections.abc import Mapping

from consent.domain.entry import Action
from consent.domain.errors import ConsentError
from consent.domain.study import InvalidStudyError, Study
from consent.ports import Unit
from consent.services.acts import read_acts


class StudyNotApprovedError(ConsentError):
    """No such study is registered here, or it is not as it was approved; restore it, or approve the new one."""


def approved_study(unit: Unit, study_id: str) -> Study:
    """Return a study that is as the log says it was approved; raise `StudyNotApprovedError`."""
    study = unit.studies.get(study_id)
    if study is None:
        raise StudyNotApprovedError("no such study is registered here: register it first")
    if study.hash() != read_acts(unit.log, Action.APPROVE).approved.get(study_id):
        raise StudyNotApprovedError("the study is not the one that was approved: restore it, or approve the new one")
    return study


def as_approved(unit: Unit, study_id: str, approved: Mapping[str, str]) -> Study | None:
    """Return a study that is as it was approved, None where there is no such, or its row is no study any more.

    `approved` are the definitions' SHA-256s by study, hex, as the log has them.
    """
    try:
        study = unit.studies.get(study_id)
    except (InvalidStudyError, ValueError):  # the row was altered: its study may ask for nothing, others go on
        return None
    return study if study is not None and study.hash() == approved.get(study_id) else None
