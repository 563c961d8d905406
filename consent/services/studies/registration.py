"""Putting a study on the books, changing what it says, and closing it: each is an entry of the log."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from consent.domain.data_use import InvalidDataUseError, permission_for
from consent.domain.entry import Action, Entry
from consent.domain.study import Study, StudyRefusedError
from consent.ports import ModelStatus, Store, Unit
from consent.services.acts import CLOSED, read_acts
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.studies.approved import open_study
from consent.services.studies.standing import STANDING, model_status

_UNSEEN: Final = ("bounds", "protocols", "ethics")
"""What of a study no patient reads."""
_TEXTS: Final = ("text", "translations")
"""What patients read of a study, and who read another one is asked again."""


@dataclass(frozen=True, slots=True)
class ListedStudy:
    """A study on the books: whether it is as the log says it was approved, its number of releases, if it is closed."""

    study: Study
    as_approved: bool
    releases: int
    closed: bool


@dataclass(frozen=True, slots=True)
class Registration:
    """The operator's decisions about studies."""

    store: Store
    projection: LedgerProjection
    log: Log

    def approve(self, study: Study, now: datetime) -> None:
        """Store a study as approved.

        Raises `StudyRefusedError` when its id is taken, or when no permission of patients could cover its purpose.
        """
        require_askable(study)
        with self.store.begin() as unit:
            if unit.studies.get(study.reference.id) is not None:
                raise StudyRefusedError("a study with this id is registered already: choose another id")
            unit.studies.add(study)
            self.log.append(unit, [_entry(study, "APPROVED", now)])

    def change(self, study: Study, now: datetime) -> None:
        """Store what a study says from now on. Its people are asked again, and until they agree it gets nothing.

        Raises `StudyRefusedError` where the change is none or cannot be one, `StudyNotApprovedError` where there is no
        such study, or a closed one.
        """
        require_askable(study)
        with self.store.begin() as unit:
            require_change(open_study(unit, study.reference.id), study)
            unit.studies.replace(study)
            self.log.append(unit, [_entry(study, "CHANGED", now)])

    def close(self, study_id: str, now: datetime) -> int:
        """Close a study for good: nobody is asked or read for it any more, and its releases are retired.

        Returns how many that were. Raises `StudyNotApprovedError`.
        """
        with self.store.begin() as unit:
            study = open_study(unit, study_id)
            self.log.append(unit, [_entry(study, CLOSED, now)])
            self.projection.refresh(unit)
            return self._retire(unit, study_id)

    def listed(self) -> Sequence[ListedStudy]:
        """Return all studies in the order of their ids."""
        with self.store.reading() as unit:
            acts = read_acts(unit.log, Action.APPROVE)
            return [
                ListedStudy(
                    study,
                    study.hash() == acts.approved.get(study.reference.id),
                    len(unit.studies.releases(study.reference.id)),
                    study.reference.id in acts.closed,
                )
                for study in unit.studies.everything()
            ]

    def _retire(self, unit: Unit, study: str) -> int:
        """Withdraw every release of a study that stands, for ever."""
        releases = unit.studies.releases(study)
        standing = [r for r in releases if model_status(unit, self.projection, r.model_hash) in STANDING]
        for release in standing:
            unit.model_acts.add(release.model_hash, ModelStatus.RETIRED)
        return len(standing)


def require_askable(study: Study) -> None:
    """Raise `StudyRefusedError` for a purpose that no machine can match with what patients permit."""
    try:
        permission_for(study.data_use)
    except InvalidDataUseError as error:
        raise StudyRefusedError(f"no consent could cover this study: {error}") from error


def require_change(before: Study, after: Study) -> None:
    """Raise `StudyRefusedError` where a study cannot become another.

    Its title and institution stand in what people signed. Whatever else they read of it changes with its text, which
    says what is new: so they are asked again.
    """
    if before == after:
        raise StudyRefusedError("nothing in the file differs from the study as it is registered: change it first")
    if before.reference != after.reference:
        raise StudyRefusedError("a study's title and institution stand in what people signed: register another study")
    rest = {name: getattr(after, name) for name in (*_UNSEEN, *_TEXTS)}
    if before.texts & after.texts and replace(before, **rest) != after:
        raise StudyRefusedError("say in the study's text, in each language, what changes for the people who are asked")


def _entry(study: Study, verdict: str, now: datetime) -> Entry:
    return Entry(
        time=int(now.timestamp()),
        actor="operator",
        action=Action.APPROVE,
        verdict=verdict,
        study=study.reference.id,
        facts={"definition": study.hash(), "ethics": study.ethics},
    )
