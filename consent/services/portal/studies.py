"""Studies as they were approved; each definition is read and hashed once by each process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from consent.domain.study import Study
from consent.ports import Unit
from consent.services.book import ConsentBook
from consent.services.studies.approved import as_approved


@dataclass(frozen=True, slots=True)
class ApprovedStudies:
    """What the log says was approved. `known` are studies by their stored bytes, read at each question."""

    book: ConsentBook
    known: dict[bytes, tuple[str, Study]] = field(default_factory=dict, repr=False)

    def all(self, unit: Unit, ids: Iterable[str]) -> Mapping[str, Study]:
        """Return those of these studies that are as they were approved, and not edited since."""
        approved = self.book.approved
        definitions = unit.studies.definitions([study for study in ids if study in approved])
        found = {study: self._read(definition, approved[study]) for study, definition in definitions.items()}
        return {study: read for study, read in found.items() if read is not None}

    def _read(self, definition: bytes, approved: str) -> Study | None:
        known = self.known.get(definition)
        if known is not None and known[0] == approved:
            return known[1]
        study = as_approved(definition, approved)
        if study is not None:
            self.known[definition] = (approved, study)
        return study
