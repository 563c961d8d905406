"""Studies that nobody approved yet, as the records database keeps them; whose one is counts once it is approved."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class DraftState(StrEnum):
    """How far a draft is. One that was approved is a study; its row only keeps the id and who wrote it."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    REFUSED = "refused"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """One draft; times are Unix seconds.

    Attributes:
        study: the id that it has, and that its study will have.
        client: whose it is.
        state: how far it is.
        definition: canonical JSON of what it says (`consent.domain.study_draft`).
        created: when it was written first.
        changed: when anything of it changed last.
        reason: why it was refused, or why its purpose was approved; empty where there is no reason.
    """

    study: str
    client: str
    state: DraftState
    definition: bytes
    created: int
    changed: int
    reason: str = ""


class Drafts(Protocol):
    """Drafts by the ids of their studies."""

    def add(self, draft: StoredDraft) -> None:
        """Store a draft whose id is free."""

    def change(self, draft: StoredDraft) -> None:
        """Store a draft in the place of what it was before."""

    def get(self, study: str) -> StoredDraft | None:
        """Return the draft with this id."""

    def of_studies(self, studies: Collection[str]) -> Sequence[StoredDraft]:
        """Return those of these that there are, in the order of their ids."""

    def of_client(self, client: str) -> Sequence[StoredDraft]:
        """Return a client's drafts, in the order of their ids."""

    def everything(self) -> Sequence[StoredDraft]:
        """Return all drafts, in the order of their ids."""
