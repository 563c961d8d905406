"""A study's way from a draft to the books, and who may see it on the way.

    drafts.write("uni-lab", value, now)             draft
    drafts.submit("uni-lab", "kidneys", now)        submitted: an operator is to look at it
    drafts.approve("kidneys", "EC 2026/1", now)     approved: a study like any other, which asks nobody yet
    drafts.ask("kidneys", now)                      recruiting: people are asked

Each act looks at the state in the transaction that changes it; one that does not fit changes nothing.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.study import InvalidStudyError, Study, StudyConflictError, StudyRefusedError
from consent.domain.study_draft import Review, StudyDraft
from consent.ports import DraftState, Store, StoredDraft, Unit
from consent.services.desk.study_views import StudyView, of_draft, of_study, read_draft
from consent.services.portal.studies import ApprovedStudies
from consent.services.studies.approved import StudyNotApprovedError
from consent.services.studies.registration import Registration, Resolution, require_free

OPEN_DRAFTS: Final = 100
"""How many drafts of one client may lie here that were not approved."""


class UnknownStudyError(ConsentError):
    """There is no such study, or it is not theirs who ask; look at the list of studies."""


class PurposeNeedsAPersonError(StudyRefusedError):
    """No machine decides this purpose; approve the study with a reason, or refuse it."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """Drafts of this installation; `allow` makes a client a member of a study, in the transaction that it is given."""

    store: Store
    studies: ApprovedStudies
    registration: Registration
    allow: Callable[[Unit, str, str, int], object]

    def write(self, client: str, value: Mapping[str, Json], now: datetime) -> StudyView:
        """Keep a new draft of a client.

        Raises `StudyConflictError` where its id is taken, whoever has it; `InvalidStudyError`, `StudyRefusedError`.
        """
        draft, time = StudyDraft.from_json(value), int(now.timestamp())
        study = draft.study.reference.id
        with self.store.begin() as unit:
            if unit.drafts.get(study) is not None:
                raise StudyConflictError("this id is taken: choose another one")
            require_free(unit, study)
            if sum(row.state is not DraftState.APPROVED for row in unit.drafts.of_client(client)) >= OPEN_DRAFTS:
                raise StudyConflictError("so many drafts lie here already: go on with one of those")
            row = StoredDraft(study, client, DraftState.DRAFT, draft.to_bytes(), time, time)
            unit.drafts.add(row)
        return of_draft(row)

    def change(self, client: str, study: str, value: Mapping[str, Json], now: datetime) -> StudyView:
        """Let a client's draft say something else; one that was submitted or refused is to be submitted again.

        Raises `UnknownStudyError`, `StudyConflictError` once it was approved, and as `write` does.
        """
        draft = StudyDraft.from_json(value)
        if draft.study.reference.id != study:
            raise InvalidStudyError("a study keeps its id: write another draft")
        with self.store.begin() as unit:
            row = _require(_own(unit, client, study), DraftState.DRAFT, DraftState.SUBMITTED, DraftState.REFUSED)
            said = replace(row, definition=draft.to_bytes(), reason="")
            return of_draft(_moved(unit, said, DraftState.DRAFT, now))

    def submit(self, client: str, study: str, now: datetime) -> StudyView:
        """Hand a client's draft in; the answer's `review` says whether a person must look at its purpose.

        Raises `UnknownStudyError`, `StudyConflictError`, or `StudyRefusedError` where no consent could ever cover it.
        """
        with self.store.begin() as unit:
            row = _require(_own(unit, client, study), DraftState.DRAFT)
            read_draft(row).review()
            return of_draft(_moved(unit, row, DraftState.SUBMITTED, now))

    def refuse(self, study: str, reason: str, now: datetime, seen: str = "", by: str = "") -> StudyView:
        """Refuse what was submitted, for a reason that its client reads and the log keeps.

        Raises `UnknownStudyError`, `StudyConflictError`, `InvalidStudyError` for what is no reason.
        """
        with self.store.begin() as unit:
            row, draft = _submitted(unit, study, seen)
            self.registration.refuse_within(unit, draft, reason, now, by)
            return of_draft(_moved(unit, replace(row, reason=reason), DraftState.REFUSED, now))

    def approve(
        self, study: str, ethics: str, now: datetime, reason: str = "", seen: str = "", by: str = ""
    ) -> Study:  # fmt: skip
        """Approve what was submitted; people are asked from `ask` on, and the draft's client is a member.

        `seen` is the `definition` that the operator read: where a client changed it meanwhile, nothing is approved.
        `by` is the operator's name, for the log.
        Raises `UnknownStudyError`, `StudyConflictError`, `InvalidStudyError` for what is no ethics reference or reason,
        and `PurposeNeedsAPersonError` where the purpose takes a reason and there is none.
        """
        with self.store.begin() as unit:
            row, draft = _submitted(unit, study, seen)
            resolution, approved = _resolution(draft, reason), draft.approved(ethics)
            _moved(unit, replace(row, reason=reason), DraftState.APPROVED, now)
            self.registration.approve_within(unit, approved, now, recruiting=False, resolution=resolution, by=by)
            self.allow(unit, row.client, study, int(now.timestamp()))
        return approved

    def ask(self, study: str, now: datetime) -> int:
        """Ask people from now on; return the request's number. Raises as `Registration.ask` does."""
        return self.registration.ask(study, now)

    def close(self, study: str, now: datetime, by: str = "operator") -> int:
        """Close a study for good; return how many releases that retired. Raises as `Registration.close` does."""
        return self.registration.close(study, now, by)

    def view(self, study: str, client: str | None = None, member_of: Collection[str] = ()) -> StudyView:
        """Return a study to staff (no client), to the client of its draft, or of an approved one to a member.

        Raises `UnknownStudyError` for everybody else, as where there is none; `StudyNotApprovedError` for a study that
        is not as it was approved.
        """
        with self.store.reading() as unit:
            self.studies.book.follow(unit)
            row = unit.drafts.get(study)
            if row is not None and row.state is not DraftState.APPROVED and client in {None, row.client}:
                return of_draft(row)
            if study not in self.studies.book.approved or not (client is None or study in member_of):
                raise UnknownStudyError("there is no such study for you: look at the list of yours")
            found = self.studies.all(unit, [study]).get(study)
        if found is None:
            raise StudyNotApprovedError("the study is not the one that was approved: restore it")
        return of_study(found, self.studies.book.studies, row, client)

    def listed(self, client: str | None = None, member_of: Collection[str] = ()) -> list[StudyView]:
        """Return what `view` would show, by when it was created, then by id; what is no study any more is left out."""
        with self.store.reading() as unit:
            self.studies.book.follow(unit)
            acts = self.studies.book.studies
            found = self.studies.all(unit, acts.approved.keys() if client is None else set(member_of))
            own = unit.drafts.everything() if client is None else unit.drafts.of_client(client)
            rows = {row.study: row for row in [*own, *unit.drafts.of_studies(found)]}
        drafted = [shown for row in own if row.state is not DraftState.APPROVED and (shown := _shown(row))]
        approved = [of_study(study, acts, rows.get(name), client) for name, study in found.items()]
        return sorted([*drafted, *approved], key=lambda view: (view.created, view.id))


def _own(unit: Unit, client: str, study: str) -> StoredDraft:
    row = unit.drafts.get(study)
    if row is None or row.client != client:
        raise UnknownStudyError("there is no such draft for you: look at the list of yours")
    return row


def _submitted(unit: Unit, study: str, seen: str) -> tuple[StoredDraft, StudyDraft]:
    row = unit.drafts.get(study)
    if row is None:
        raise UnknownStudyError("there is no such draft: look at the list of studies")
    draft = read_draft(_require(row, DraftState.SUBMITTED))
    if draft.study.reference.id != study or (seen and seen != draft.hash()):
        raise StudyConflictError("the draft is not the one that was read: read it again")
    return row, draft


def _require(row: StoredDraft, *states: DraftState) -> StoredDraft:
    if row.state not in states:
        raise StudyConflictError(f"the study's state is {row.state.value}: nothing was done")
    return row


def _resolution(draft: StudyDraft, reason: str) -> Resolution | None:
    if draft.review() is Review.READY:
        if reason:
            raise InvalidStudyError("this purpose needs no reason: leave it out")
        return None
    if not reason.strip():
        raise PurposeNeedsAPersonError("the purpose has names that no machine decides: say why it may be, or refuse it")
    return Resolution(draft, reason)


def _moved(unit: Unit, row: StoredDraft, state: DraftState, now: datetime) -> StoredDraft:
    moved = replace(row, state=state, changed=int(now.timestamp()))
    unit.drafts.change(moved)
    return moved


def _shown(row: StoredDraft) -> StudyView | None:
    """Show a draft, None where its row was damaged: the others go on."""
    try:
        return of_draft(row)
    except (InvalidStudyError, ValueError):
        return None
