"""Studies as they were approved; each definition is read and hashed once by each process."""

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

    def get(self, unit: Unit, study_id: str) -> Study | None:
        """Return a study as it was approved; None where it was not, or was edited since."""
        definition, approved = unit.studies.definition(study_id), self.book.approved.get(study_id)
        if definition is None or approved is None:
            return None
        found = self.known.get(definition)
        if found is not None and found[0] == approved:
            return found[1]
        study = as_approved(unit, study_id, self.book.approved)
        if study is not None:
            self.known[definition] = (approved, study)
        return study
