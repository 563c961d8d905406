"""Drafts of studies, in SQL; each carries a MAC, for its client will be a member of the study."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from consent.adapters.sql.api_tables import drafts
from consent.adapters.sql.row_macs import RowMacs
from consent.ports.drafts import DraftState, StoredDraft


@dataclass(frozen=True)
class SqlDrafts:
    """`Drafts` on one transaction."""

    connection: Connection
    macs: RowMacs

    def add(self, draft: StoredDraft) -> None:
        """Store a draft whose id is free."""
        if self.get(draft.study) is None:  # what lies there all the same is none of ours
            self.connection.execute(delete(drafts).where(drafts.c.study == draft.study))
        self.connection.execute(insert(drafts), self._sealed(draft))

    def change(self, draft: StoredDraft) -> None:
        """Store a draft in the place of what it was before."""
        self.connection.execute(update(drafts).where(drafts.c.study == draft.study).values(self._sealed(draft)))

    def get(self, study: str) -> StoredDraft | None:
        """Return the draft with this id."""
        return next(iter(self.of_studies([study])), None)

    def of_studies(self, studies: Collection[str]) -> Sequence[StoredDraft]:
        """Return those of these that there are, in the order of their ids."""
        return self._where(drafts.c.study.in_(sorted(set(studies))))

    def of_client(self, client: str) -> Sequence[StoredDraft]:
        """Return a client's drafts, in the order of their ids."""
        return self._where(drafts.c.client == client)

    def everything(self) -> Sequence[StoredDraft]:
        """Return all drafts, in the order of their ids."""
        return self._where()

    def _where(self, *conditions: ColumnElement[bool]) -> list[StoredDraft]:
        query = select(drafts).where(*conditions).order_by(drafts.c.study)
        rows = [self.macs.checked(drafts, row) for row in self.connection.execute(query).mappings().all()]
        return [StoredDraft(**{**row, "state": DraftState(row["state"])}) for row in rows if row is not None]

    def _sealed(self, draft: StoredDraft) -> dict[str, object]:
        return self.macs.sealed(drafts, asdict(draft) | {"state": draft.state.value})
