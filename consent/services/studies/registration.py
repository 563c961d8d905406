"""Putting a study on the books, with the ethics reference under which the operator approves it."""

from dataclasses import dataclass
from datetime import datetime

from consent.domain.entry import Action, Entry
from consent.domain.study import InvalidStudyError, Study
from consent.ports import Store
from consent.services.log import Log


@dataclass(frozen=True, slots=True)
class Registration:
    """The operator's approval of studies."""

    store: Store
    log: Log

    def approve(self, study: Study, now: datetime) -> None:
        """Store a study as approved; raises `InvalidStudyError` when its id is taken."""
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
                raise InvalidStudyError("a study with this id is registered already: choose another id")
            unit.studies.add(study)
            self.log.append(unit, [entry])
