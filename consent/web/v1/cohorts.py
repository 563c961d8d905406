"""Cohorts: what a query means, about how many people it is, and queries that a study keeps."""

from typing import Final

from apiflask import APIBlueprint
from flask import Response

from consent.ports.desk import StoredCohort
from consent.services.desk.cohorts import query_of, read_query
from consent.web.v1 import schemas
from consent.web.v1.door import COUNTS, Door, gone, walked
from consent.web.v1.paging import Listed
from consent.web.v1.problems import Problem
from consent.web.v1.room import ApiRoom

_STUDY: Final = ("study-not-approved", "study-closed")
_QUERY: Final = (*_STUDY, "malformed-cohort", "category-not-asked")


def cohorts(room: ApiRoom) -> APIBlueprint:
    """Return the routes about cohorts."""
    blueprint = APIBlueprint("cohorts", __name__, tag="Cohorts", url_prefix="/v1/studies/<name:study>/cohorts")
    door = Door(room, blueprint)

    @door("POST", "/preview", who=COUNTS, body=schemas.Query, gives=schemas.Counted,
          refuses=(*_QUERY, "cohort-below-threshold", "budget-spent", "snapshot-not-ready"))  # fmt: skip
    def preview(study: str, body: schemas.Query) -> schemas.Counted:
        """Count a cohort.

        Among the people who allow being counted, with noise that protects each of them, out of the study's budget. The
        same question once more in the period costs nothing and has the same answer.
        """
        query = read_query(body.query)
        counted, left = room.previewing.preview(study, query)
        if counted.people is None:
            raise Problem("cohort-below-threshold", question=query.id, epsilon=counted.epsilon, left=left)
        return schemas.Counted(
            question=query.id, english=query.english(), people=counted.people, epsilon=counted.epsilon, left=left
        )

    @door("GET", "", who=COUNTS, query=schemas.Walk, gives=schemas.Cohorts, refuses=_STUDY)
    def listed(study: str, query: schemas.Walk) -> schemas.Cohorts:
        """List cohorts.

        Those that the study keeps, newest first.
        """
        found = [Listed(one.created, one.id, _told(one)) for one in room.cohorts.listed(study)]
        page = walked(room, f"cohorts {study}", found, query)
        return schemas.Cohorts(items=page.items, next=page.next)

    @door("POST", "", who=COUNTS, body=schemas.NewCohort, gives=schemas.Cohort, status=201,
          refuses=(*_QUERY, "conflict"))  # fmt: skip
    def save(study: str, body: schemas.NewCohort) -> tuple[schemas.Cohort, int, dict[str, str]]:
        """Keep a cohort.

        To train on it, or to aggregate predictions of it.
        """
        stored = room.cohorts.save(study, body.title, read_query(body.query), room.clock())
        return _told(stored), 201, {"Location": f"/v1/studies/{study}/cohorts/{stored.id}"}

    @door("GET", "/<id:cohort>", who=COUNTS, gives=schemas.Cohort, refuses=_STUDY)
    def one(study: str, cohort: str) -> schemas.Cohort:
        """Read a cohort."""
        return _told(room.cohorts.get(study, cohort))

    @door("DELETE", "/<id:cohort>", who=COUNTS, status=204, refuses=_STUDY)
    def remove(study: str, cohort: str) -> Response:
        """Forget a cohort.

        Models that were trained on it keep its query.
        """
        room.cohorts.remove(study, cohort)
        return gone()

    return blueprint


def _told(stored: StoredCohort) -> schemas.Cohort:
    query = query_of(stored)
    return schemas.Cohort(
        id=stored.id, title=stored.title, question=stored.question, english=query.english(), query=query.to_json(),
        created=stored.created,
    )  # fmt: skip
