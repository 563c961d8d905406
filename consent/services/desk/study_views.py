"""Studies as the desk shows them: drafts as they were written, and approved ones as the log has them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from consent.domain.hashing import Json
from consent.domain.study import Study, StudyRefusedError
from consent.domain.study_acts import StudyActs
from consent.domain.study_draft import Review, StudyDraft
from consent.ports import DraftState, StoredDraft


class StudyState(StrEnum):
    """How far a study is. Of those that were approved the log says it, of drafts their rows."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    REFUSED = "refused"
    APPROVED = "approved"
    RECRUITING = "recruiting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class StudyView:
    """One study; times are Unix seconds.

    Attributes:
        study: what it says, as `Study.to_json` writes it; a draft's `ethics` may be empty.
        state: how far it is.
        definition: SHA-256 of what it says, 64 hex digits: whoever decides on a draft names what they read by it.
        client: who drafted it, where that is the reader's to know; None of one that no client drafted.
        created: when it was drafted, or else approved first.
        changed: when its draft changed last, or it was approved.
        reason: of the decision on its draft, empty where there was none.
        review: what its purpose needs before it can be approved; None of one that was, or that cannot be as it stands.
        names: the names in its purpose that no machine decides, sorted.
    """

    study: Mapping[str, Json]
    state: StudyState
    definition: str
    client: str | None
    created: int
    changed: int
    reason: str = ""
    review: Review | None = None
    names: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The study's id."""
        return str(self.study["id"])


_DRAFTED: Final = {
    DraftState.DRAFT: StudyState.DRAFT,
    DraftState.SUBMITTED: StudyState.SUBMITTED,
    DraftState.REFUSED: StudyState.REFUSED,
}


def read_draft(row: StoredDraft) -> StudyDraft:
    """Read what a row says; raise `InvalidStudyError` where it was damaged."""
    return StudyDraft.from_json(json.loads(row.definition))


def of_draft(row: StoredDraft) -> StudyView:
    """Show a draft that was not approved."""
    draft = read_draft(row)
    return StudyView(
        draft.to_json(),
        _DRAFTED[row.state],
        draft.hash(),
        row.client,
        row.created,
        row.changed,
        row.reason,
        _review(draft),
        draft.names,
    )


def of_study(study: Study, acts: StudyActs, row: StoredDraft | None, client: str | None) -> StudyView:
    """Show a study that was approved to a client, or to staff (None); `row` is what is left of its draft."""
    since = acts.since.get(study.reference.id, 0)
    state, definition = _state(study.reference.id, acts), study.hash()
    if row is None:
        return StudyView(study.to_json(), state, definition, None, since, since)
    told = row.client if client in {None, row.client} else None
    return StudyView(study.to_json(), state, definition, told, row.created, row.changed, row.reason)


def _state(study: str, acts: StudyActs) -> StudyState:
    if study in acts.closed:
        return StudyState.CLOSED
    return StudyState.APPROVED if study in acts.waiting else StudyState.RECRUITING


def _review(draft: StudyDraft) -> Review | None:
    try:
        return draft.review()
    except StudyRefusedError:
        return None
