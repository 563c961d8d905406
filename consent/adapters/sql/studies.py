"""Studies, their releases and the sealed openings of training rows, in SQL."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update

from consent.adapters.sql.tables import openings, releases, studies
from consent.domain.study import Study
from consent.ports import StoredOpening, StoredRelease

_HEX = b"0123456789abcdef"


@dataclass(frozen=True)
class SqlStudies:
    """`Studies` on one transaction."""

    connection: Connection

    def add(self, study: Study) -> None:
        """Store an approved study."""
        definition = json.dumps(study.to_json()).encode()
        self.connection.execute(insert(studies), {"id": study.reference.id, "definition": definition})

    def replace(self, study: Study) -> None:
        """Store a study in the place of what it was before."""
        definition = json.dumps(study.to_json()).encode()
        self.connection.execute(update(studies).where(studies.c.id == study.reference.id).values(definition=definition))

    def get(self, study: str) -> Study | None:
        """Return a study by its id."""
        definition = self.definitions([study]).get(study)
        return None if definition is None else Study.from_json(json.loads(definition))

    def definitions(self, ids: Collection[str]) -> Mapping[str, bytes]:
        """Return the bytes of studies as they are stored, of those that are there."""
        query = select(studies.c.id, studies.c.definition).where(studies.c.id.in_(sorted(set(ids))))
        return {row.id: row.definition for row in self.connection.execute(query)}

    def everything(self) -> Sequence[Study]:
        """Return all studies in the order of their ids."""
        definitions = self.connection.scalars(select(studies.c.definition).order_by(studies.c.id))
        return [Study.from_json(json.loads(definition)) for definition in definitions]

    def add_release(self, release: StoredRelease, sealed: Sequence[StoredOpening]) -> None:
        """Store a model with its manifest and openings."""
        self.connection.execute(insert(releases), asdict(release))
        if sealed:
            # Sorted: PostgreSQL's files keep the order in which rows came, and that was the order of subjects.
            by_leaf = sorted(sealed, key=lambda opening: opening.leaf)
            rows = [asdict(opening) | {"study": release.study, "release": release.release} for opening in by_leaf]
            self.connection.execute(insert(openings), rows)

    def releases(self, study: str) -> Sequence[StoredRelease]:
        """Return a study's releases, oldest first."""
        query = select(releases).where(releases.c.study == study).order_by(releases.c.release)
        return [StoredRelease(**row._mapping) for row in self.connection.execute(query)]  # noqa: SLF001  # public API

    def of_model(self, model: bytes) -> tuple[str, int] | None:
        """Return the study and the number of the newest release that has this model hash."""
        table = releases.c
        query = select(table.study, table.release).where(table.model_hash == model).order_by(table.release.desc())
        row = self.connection.execute(query.limit(1)).one_or_none()
        return None if row is None else (row.study, row.release)

    def openings(self, study: str, release: int) -> Sequence[StoredOpening]:
        """Return a release's sealed openings in the order of their leaves."""
        of_release = (openings.c.study == study) & (openings.c.release == release)
        query = select(openings).where(of_release).order_by(openings.c.leaf)
        return [StoredOpening(row.leaf, row.owner, row.sealed) for row in self.connection.execute(query)]

    def openings_in_clear(self) -> Sequence[tuple[str, int, bytes, bytes]]:
        """Return places and owners of rows from before migration 0008: such an owner is a SubjectId's 32 hex digits."""
        query = select(openings.c.study, openings.c.release, openings.c.leaf, openings.c.owner)
        return [tuple(row) for row in self.connection.execute(query) if not row.owner.strip(_HEX)]

    def give_owner(self, study: str, release: int, leaf: bytes, owner: bytes) -> None:
        """Write another owner into a row."""
        row = (openings.c.study == study) & (openings.c.release == release) & (openings.c.leaf == leaf)
        self.connection.execute(update(openings).where(row).values(owner=owner))
