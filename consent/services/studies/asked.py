"""What is to be trained: a dictionary's rows of a study's people, or of a cohort among them."""

import json
from dataclasses import dataclass

from analytics import CohortQuery, Dictionary, Parameters
from consent.domain.study import Study, protocol
from consent.ports import StoredRelease


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be trained."""

    study: Study
    dictionary: Dictionary
    parameters: Parameters
    cohort: CohortQuery | None

    @property
    def protocol(self) -> str:
        """The dictionary on the cohort, as a study names it."""
        return protocol(self.dictionary.hash, self.cohort_id)

    @property
    def cohort_id(self) -> str:
        """The cohort's id; that of everybody where none was asked for."""
        return (self.cohort or CohortQuery.everyone(self.dictionary.day())).id

    def is_of(self, stored: StoredRelease) -> bool:
        """Say whether a release was asked for with the very same dictionary, cohort and parameters."""
        manifest = json.loads(stored.manifest)
        same = (self.dictionary.hash, self.cohort_id, self.parameters.to_json())
        return same == (manifest["dictionary"], manifest.get("cohort"), manifest["parameters"])
