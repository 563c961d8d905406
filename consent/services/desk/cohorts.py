"""Cohorts that a study keeps: a query under a title. A query names nobody, so nothing of it is secret to the study."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from analytics import CohortError, CohortQuery
from consent.domain.errors import ConsentError
from consent.domain.hashing import canonical_json, sha256
from consent.domain.study import StudyConflictError
from consent.ports import Store
from consent.ports.desk import StoredCohort
from consent.services.studies.approved import open_study
from consent.services.studies.counting import require_asked

KEPT_COHORTS: Final = 200
"""How many cohorts one study may keep."""


class UnknownCohortError(ConsentError):
    """The study keeps no cohort with this id; list them, or save it first."""


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The cohorts of this installation's studies."""

    store: Store

    def save(self, study_id: str, title: str, query: CohortQuery, now: datetime) -> StoredCohort:
        """Keep a query; the same title and question once more is the cohort that is there.

        Raises `StudyNotApprovedError`, `CategoryNotAskedError` where it reads what the study never asked for, and
        `StudyConflictError` for one too many.
        """
        cohort = _id(study_id, title, query.id)
        with self.store.begin() as unit:
            require_asked(open_study(unit, study_id), query)
            stored = StoredCohort(cohort, study_id, title, query.id, query.to_bytes(), int(now.timestamp()))
            known = unit.cohorts.get(study_id, cohort)
            if known is None and len(unit.cohorts.of_study(study_id)) >= KEPT_COHORTS:
                raise StudyConflictError("the study keeps so many cohorts already: forget one of them first")
            unit.cohorts.add(stored)
            return known or stored

    def get(self, study_id: str, cohort: str) -> StoredCohort:
        """Return a cohort; raise `UnknownCohortError`."""
        with self.store.reading() as unit:
            found = unit.cohorts.get(study_id, cohort)
        if found is None or not _is_whole(found):
            raise UnknownCohortError("the study keeps no cohort with this id: list them, or save it first")
        return found

    def query(self, study_id: str, cohort: str) -> CohortQuery:
        """Return a cohort's query; raise `UnknownCohortError`."""
        return query_of(self.get(study_id, cohort))

    def listed(self, study_id: str) -> Sequence[StoredCohort]:
        """Return a study's cohorts, in no order; what is none any more is left out."""
        with self.store.reading() as unit:
            return [one for one in unit.cohorts.of_study(study_id) if _is_whole(one)]

    def remove(self, study_id: str, cohort: str) -> None:
        """Forget a cohort; raise `UnknownCohortError`."""
        with self.store.begin() as unit:
            if not unit.cohorts.remove(study_id, cohort):
                raise UnknownCohortError("the study keeps no cohort with this id: list them")


def _id(study: str, title: str, question: str) -> str:
    """Return a cohort's id, which whoever kept it trusts: its row carries no MAC and needs none."""
    return sha256(canonical_json({"study": study, "title": title, "question": question})).hex()[:32]


def _is_whole(stored: StoredCohort) -> bool:
    """Say whether a row is what its id names."""
    try:
        question = query_of(stored).id
    except (CohortError, ValueError):
        return False
    return stored.id == _id(stored.study, stored.title, question) and stored.question == question


def read_query(value: Mapping[str, Any]) -> CohortQuery:
    """Read a query that was sent as JSON values; raise `CohortError`, which names the place that breaks a rule."""
    return CohortQuery.parse(json.dumps(value))


def query_of(stored: StoredCohort) -> CohortQuery:
    """Return the query of a cohort that is kept."""
    return CohortQuery.parse(stored.query.decode())
