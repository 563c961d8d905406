"""The projection in SQL: what the registries' events add up to, and how far they were read."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from consent.adapters.sql.tables import kept_blocks, projected_grants, projected_models, projection_head
from consent.domain.typed_data import Address
from consent.ports import Head, KeptBlock, Key, ModelStatus, ProjectedGrant, ProjectedModel, ProjectionHead

_ONLY = 1
_UNREAD = 0
"""The generation of a row that was in no reading yet."""


@dataclass(frozen=True)
class SqlProjection:
    """`Projection` on one transaction."""

    connection: Connection

    def expect(self, keys: Sequence[Key]) -> None:
        """Say which commitments are ours."""
        rows = [{"patient": patient, "commitment": about, "generation": _UNREAD} for patient, about in keys]
        if rows:
            self.connection.execute(upsert(projected_grants).on_conflict_do_nothing(), rows)

    def newcomers(self) -> Sequence[Key]:
        """Return what is ours and was in no reading yet."""
        new = select(projected_grants.c.patient, projected_grants.c.commitment).where(
            projected_grants.c.generation == _UNREAD
        )
        return [(Address(patient), commitment) for patient, commitment in self.connection.execute(new)]

    def head(self) -> ProjectionHead | None:
        """Return how far the copy goes."""
        row = self.connection.execute(select(projection_head)).one_or_none()
        if row is None:
            return None
        return ProjectionHead(
            block=Head(row.block, row.block_hash, row.block_time),
            final=Head(row.final_block, row.final_hash, row.final_time),
            history=row.history,
            matches=row.matches,
            read_at=row.read_at,
            generation=row.generation,
            rows=row.rows,
            seal=row.seal,
        )

    def kept(self) -> Sequence[KeptBlock]:
        """Return the blocks whose hashes are kept, oldest first."""
        rows = self.connection.execute(select(kept_blocks).order_by(kept_blocks.c.number))
        return [KeptBlock(Head(row.number, row.hash, row.time), row.history) for row in rows]

    def save(
        self, head: ProjectionHead, changed: Iterable[ProjectedGrant], models: Iterable[ProjectedModel]
    ) -> None:  # fmt: skip
        """Store a reading: its head, and the rows that changed in it."""
        self._save_grants([asdict(grant) | {"generation": head.generation} for grant in changed])
        self._save_models([asdict(model) | {"status": int(model.status)} for model in models])
        values = {
            "block": head.block.number,
            "block_hash": head.block.hash,
            "block_time": head.block.time,
            "final_block": head.final.number,
            "final_hash": head.final.hash,
            "final_time": head.final.time,
            "history": head.history,
            "matches": head.matches,
            "read_at": head.read_at,
            "generation": head.generation,
            "rows": head.rows,
            "seal": head.seal,
        }
        keep = upsert(projection_head).on_conflict_do_update(index_elements=["id"], set_=values)
        self.connection.execute(keep, {"id": _ONLY, **values})

    def keep(self, blocks: Sequence[KeptBlock]) -> None:
        """Keep these blocks' hashes and no others."""
        self.connection.execute(delete(kept_blocks))
        rows = [asdict(kept.block) | {"history": kept.history} for kept in blocks]
        if rows:
            self.connection.execute(insert(kept_blocks), rows)

    def changed_since(self, generation: int) -> Iterator[ProjectedGrant]:
        """Yield the rows of later generations."""
        table = projected_grants.c
        columns = (table.patient, table.commitment, table.expires, table.granted_block, table.revoked_block)
        query = select(*columns, table.dropped_block).where(table.generation > generation)
        return (ProjectedGrant(*row) for row in self.connection.execution_options(yield_per=10_000).execute(query))

    def models(self) -> Sequence[ProjectedModel]:
        """Return every model hash that the ledger knows."""
        rows = self.connection.execute(select(projected_models))
        return [ProjectedModel(row.model, ModelStatus(row.status), row.manifest) for row in rows]

    def _save_grants(self, rows: Sequence[dict[str, object]]) -> None:
        if rows:
            statement = upsert(projected_grants)
            names = ("expires", "granted_block", "revoked_block", "dropped_block", "generation")
            columns = {name: statement.excluded[name] for name in names}
            keys = ["patient", "commitment"]
            self.connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=columns), rows)

    def _save_models(self, rows: Sequence[dict[str, object]]) -> None:
        if rows:
            statement = upsert(projected_models)
            columns = {name: statement.excluded[name] for name in ("status", "manifest")}
            self.connection.execute(statement.on_conflict_do_update(index_elements=["model"], set_=columns), rows)
