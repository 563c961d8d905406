"""Previews of cohorts: what a query is about in numbers, out of the study's budget, from what is in memory."""

from dataclasses import dataclass

from analytics import CohortQuery
from analytics.disclosure import Disclosed
from consent.services.studies.counting import Counting
from consent.services.studies.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class Previewing:
    """Counts cohorts among those who allow it."""

    counting: Counting
    snapshots: Snapshots

    def preview(self, study: str, query: CohortQuery) -> tuple[Disclosed, float]:
        """Return a cohort's disclosed count, and the epsilon that the study may still spend.

        Raises what `Counting.count` raises, and `SnapshotNotReadyError` while records are being read.
        """
        counted = self.counting.count(study, query, self.snapshots)
        return counted, self.counting.left(study)
