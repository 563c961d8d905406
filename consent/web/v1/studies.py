"""Studies from draft to close, and the requests to people in between."""

from collections.abc import Collection
from typing import Any, Final

from apiflask import APIBlueprint

from consent.domain.study_acts import StudyRequest
from consent.services.desk.callers import STAFF_ROLES
from consent.services.desk.study_views import StudyView
from consent.web.v1 import study_schemas as schemas
from consent.web.v1.door import AUDIT, COUNTS, OPERATE, STUDIES, Door, Who, caller, walked
from consent.web.v1.paging import Listed
from consent.web.v1.room import ApiRoom
from consent.web.v1.schemas import Walk

_DRAFT: Final = ("malformed-study", "study-refused", "conflict")
_DECIDED: Final = ("conflict", "malformed-study")
_APPROVED: Final = ("study-not-approved", "study-closed")
_SEEN: Final = STUDIES | AUDIT
_CLOSE: Final = Who(STUDIES.roles | OPERATE.roles, STUDIES.scopes | OPERATE.scopes)
_ASKED: Final = COUNTS | AUDIT


def studies(room: ApiRoom) -> APIBlueprint:  # noqa: C901  # one route after the other
    """Return the routes about studies."""
    blueprint = APIBlueprint("studies", __name__, tag="Studies and requests", url_prefix="/v1/studies")
    door = Door(room, blueprint)

    @door("GET", "", who=_SEEN, query=Walk, gives=schemas.Studies)
    def listed(query: Walk) -> schemas.Studies:
        """List studies.

        Your drafts and studies, newest first; staff see all.
        """
        here = caller()
        client, member_of = _reader(room)
        views = room.drafts.listed(client, member_of)
        found = [Listed(one.created, one.id, _told(one)) for one in views if here.study in {None, one.id}]
        page = walked(room, f"studies {here.study}", found, query)
        return schemas.Studies(items=page.items, next=page.next)

    @door("POST", "", who=STUDIES, body=schemas.DraftStudy, gives=schemas.Study, status=201, refuses=_DRAFT)
    def draft(body: schemas.DraftStudy) -> tuple[schemas.Study, int, dict[str, str]]:
        """Write a draft.

        Nobody sees it but you and the staff.
        """
        view = room.drafts.write(caller().holder, _definition(body), room.clock())
        return _told(view), 201, {"Location": f"/v1/studies/{view.id}"}

    @door("GET", "/<name:study>", who=_SEEN, gives=schemas.Study, refuses=("study-not-approved",))
    def one(study: str) -> schemas.Study:
        """Read a study.

        What it says, and how it stands.
        """
        return _told(room.drafts.view(study, *_reader(room)))

    @door("PUT", "/<name:study>", who=STUDIES, body=schemas.DraftStudy, gives=schemas.Study, refuses=_DRAFT)
    def change(study: str, body: schemas.DraftStudy) -> schemas.Study:
        """Change a draft.

        One that was submitted or refused is to be submitted again.
        """
        return _told(room.drafts.change(caller().holder, study, _definition(body), room.clock()))

    @door("POST", "/<name:study>/submit", who=STUDIES, gives=schemas.Study, refuses=("conflict", "study-refused"))
    def submit(study: str) -> schemas.Study:
        """Submit a draft.

        `review` says whether a person must look at its purpose.
        """
        return _told(room.drafts.submit(caller().holder, study, room.clock()))

    @door("POST", "/<name:study>/approve", who=OPERATE, body=schemas.Approval, gives=schemas.Study,
          refuses=(*_DECIDED, "study-refused", "purpose-needs-a-person"))  # fmt: skip
    def approve(study: str, body: schemas.Approval) -> schemas.Study:
        """Approve a study.

        For good. People are asked once its researcher sends the request.
        """
        room.drafts.approve(study, body.ethics, room.clock(), body.reason or "", body.definition, caller().holder)
        return _told(room.drafts.view(study))

    @door("POST", "/<name:study>/refuse", who=OPERATE, body=schemas.Reason, gives=schemas.Study, refuses=_DECIDED)
    def refuse(study: str, body: schemas.Reason) -> schemas.Study:
        """Refuse a study.

        For a reason that its researcher reads and the log keeps.
        """
        return _told(room.drafts.refuse(study, body.reason, room.clock(), body.definition or "", caller().holder))

    @door("POST", "/<name:study>/close", who=_CLOSE, gives=schemas.Study, refuses=_APPROVED)
    def close(study: str) -> schemas.Study:
        """Close a study.

        For good: nobody is asked or read for it any more, and its models are withdrawn.
        """
        client, member_of = _reader(room)
        room.drafts.view(study, client, member_of)  # what is not theirs is not there
        room.drafts.close(study, room.clock(), caller().actor)
        room.previewing.snapshots.forget({study})
        return _told(room.drafts.view(study))

    @door("GET", "/<name:study>/requests", who=_ASKED, query=Walk, gives=schemas.Requests, refuses=_APPROVED)
    def requests(study: str, query: Walk) -> schemas.Requests:
        """List requests.

        What the study asked of people, newest first.
        """
        asked = room.answering.requests_of(study)
        found = [Listed(one.since, f"{10**6 - one.number:07}", _asked(one)) for one in asked]
        page = walked(room, f"requests {study}", found, query)
        return schemas.Requests(items=page.items, next=page.next)

    @door("POST", "/<name:study>/requests", who=COUNTS, gives=schemas.Request, status=201,
          refuses=(*_APPROVED, "conflict"))  # fmt: skip
    def send(study: str) -> tuple[schemas.Request, int, dict[str, str]]:
        """Send the request.

        To everybody who allows being asked, now and later, until the study is closed.
        """
        number = room.drafts.ask(study, room.clock())
        found = next(one for one in room.answering.requests_of(study) if one.number == number)
        return _asked(found), 201, {"Location": f"/v1/studies/{study}/requests"}

    @door("POST", "/<name:study>/requests/<number:number>/answers", who=COUNTS, gives=schemas.Answers,
          refuses=(*_APPROVED, "not-recruiting", "budget-spent", "ledger-stale"))  # fmt: skip
    def answers(study: str, number: int) -> schemas.Answers:
        """Count answers.

        To the newest request, out of the study's budget. Those who said no are not told from those who did not answer.
        """
        found = room.answering.answers(study, number, room.clock())
        return schemas.Answers(asked=found.asked, allowed=found.allowed, epsilon=found.epsilon, left=found.left)

    return blueprint


def _reader(room: ApiRoom) -> tuple[str | None, Collection[str]]:
    """Return whose studies are looked at: of a client their own and those that they are a member of; staff see all."""
    here = caller()
    if here.role in STAFF_ROLES:
        return None, ()
    return here.holder, room.tokens.studies(here)


def _definition(body: schemas.DraftStudy) -> dict[str, Any]:
    """Return what was sent as `Study.to_json` writes it: sets sorted, and what is not there left out."""
    value = body.model_dump()
    for name in ("operations", "required", "optional", "protocols"):
        value[name] = sorted(set(value[name]))
    for name in ("diseases", "other"):
        value["data_use"][name] = sorted(set(value["data_use"][name]))
    return {name: part for name, part in value.items() if part or name not in _OPTIONAL}


_OPTIONAL: Final = frozenset({"bounds", "protocols", "translations"})
_APPROVED_STATES: Final = frozenset({"approved", "recruiting", "closed"})


def _told(view: StudyView) -> schemas.Study:
    approved = view.state.value in _APPROVED_STATES
    return schemas.Study(
        id=view.id,
        state=view.state.value,
        review=None if approved or view.review is None else view.review.value,
        undecided=[] if approved else list(view.names),
        reason=view.reason or None,
        created=view.created,
        hash=view.definition,
        definition=dict(view.study),
    )


def _asked(one: StudyRequest) -> schemas.Request:
    return schemas.Request(number=one.number, since=one.since, text=one.text_hash)
