"""The projection in SQL: what the registry's events add up to, and how far they were read."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from consent.adapters.sql.tables import projected_grants, projection_head
from consent.domain.typed_data import Address
from consent.ports import Head, ProjectedGrant, ProjectionHead

_ONLY = 1


@dataclass(frozen=True)
class SqlProjection:
    """`Projection` on one transaction."""

    connection: Connection

    def head(self) -> ProjectionHead | None:
        """Return how far the copy goes."""
        row = self.connection.execute(select(projection_head)).one_or_none()
        if row is None:
            return None
        block = Head(row.block, row.block_hash, row.block_time)
        return ProjectionHead(block, row.history, row.matches, row.read_at)

    def save(self, head: ProjectionHead, changed: Iterable[ProjectedGrant]) -> None:
        """Store changed rows and the new head."""
        rows = [asdict(grant) for grant in changed]
        if rows:
            statement = upsert(projected_grants)
            columns = {name: statement.excluded[name] for name in ("expires", "granted_block", "revoked_block")}
            keys = ["patient", "commitment"]
            self.connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=columns), rows)
        values = {
            "block": head.block.number,
            "block_hash": head.block.hash,
            "block_time": head.block.time,
            "history": head.history,
            "matches": head.matches,
            "read_at": head.read_at,
        }
        keep = upsert(projection_head).on_conflict_do_update(index_elements=["id"], set_=values)
        self.connection.execute(keep, {"id": _ONLY, **values})

    def everything(self) -> Iterator[ProjectedGrant]:
        """Yield every row."""
        for row in self.connection.execute(select(projected_grants)):
            yield ProjectedGrant(
                Address(row.patient), row.commitment, row.expires, row.granted_block, row.revoked_block
            )
