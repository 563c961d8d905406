"""Putting a study on the books, with the ethics reference under which the operator approves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from consent.domain.data_use import InvalidDataUseError, permission_for
from consent.domain.entry import Action, Entry
from consent.domain.study import Study, StudyRefusedError
from consent.ports import Store
from consent.services.acts import read_acts
from consent.services.log import Log


@dataclass(frozen=True, slots=True)
class ListedStudy:
    """A study on the books: whether it is as the log says it was approved, and how many releases it has."""

    study: Study
    as_approved: bool
    releases: int


@dataclass(frozen=True, slots=True)
class Registration:
    """The operator's approval of studies."""

    store: Store
    log: Log

    def approve(self, study: Study, now: datetime) -> None:
        """Store a study as approved.

        Raises `StudyRefusedError` when its id is taken, or when no permission of patients could cover its purpose.
        """
        require_askable(study)
        entry = Entry(
            time=int(now.timestamp()),
            actor="operator",
            action=Action.APPROVE,
            verdict="APPROVED",
            study=study.reference.id,
            facts={"definition": study.hash(), "ethics": study.ethics},
        )
        with self.store.begin() as unit:
            if unit.studies.get(study.reference.id) is not None:
                raise StudyRefusedError("a study with this id is registered already: choose another id")
            unit.studies.add(study)
            self.log.append(unit, [entry])

    def listed(self) -> Sequence[ListedStudy]:
        """Return all studies in the order of their ids."""
        with self.store.reading() as unit:
            approved = read_acts(unit.log, Action.APPROVE).approved
            return [
                ListedStudy(
                    study,
                    study.hash() == approved.get(study.reference.id),
                    len(unit.studies.releases(study.reference.id)),
                )
                for study in unit.studies.everything()
            ]


def require_askable(study: Study) -> None:
    """Raise `StudyRefusedError` for a purpose that no machine can match with what patients permit."""
    try:
        permission_for(study.data_use)
    except InvalidDataUseError as error:
        raise StudyRefusedError(f"no consent could cover this study: {error}") from error
