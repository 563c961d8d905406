"""The projection in SQL: what the registries' events add up to, and how far they were read."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select

from consent.adapters.sql.tables import kept_blocks, projected_grants, projected_models, projection_head
from consent.adapters.sql.upserts import insert_or_change
from consent.ports import Head, KeptBlock, ModelStatus, ProjectedGrant, ProjectedModel, ProjectionHead

_ONLY = 1
_OF_A_GRANT = ("expires", "granted_block", "revoked_block", "dropped_block", "generation")


@dataclass(frozen=True)
class SqlProjection:
    """`Projection` on one transaction."""

    connection: Connection

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
        grants = [asdict(grant) | {"generation": head.generation} for grant in changed]
        insert_or_change(self.connection, projected_grants, grants, _OF_A_GRANT)
        of_models = [asdict(model) | {"status": int(model.status)} for model in models]
        insert_or_change(self.connection, projected_models, of_models, ("status", "manifest"))
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
        insert_or_change(self.connection, projection_head, [{"id": _ONLY, **values}], list(values))

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
        streamed = query.execution_options(yield_per=10_000)
        return (ProjectedGrant(*row) for row in self.connection.execute(streamed))

    def models(self) -> Sequence[ProjectedModel]:
        """Return every model hash that the ledger knows."""
        rows = self.connection.execute(select(projected_models))
        return [ProjectedModel(row.model, ModelStatus(row.status), row.manifest) for row in rows]
