"""An aggregate of predictions as a job: it opens everybody who allows predictions, which takes its time.

Done twice it is told once: a question that was answered is answered alike (`count_budget`).
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics import CohortQuery
from consent.domain.hashing import Json, canonical_json
from consent.ports import Job
from consent.services.studies.aggregating import Aggregate, Aggregating
from consent.services.working import Report

AGGREGATE: Final = "aggregate"


def aggregate_job(study: str, now: datetime, cohort: str = "", job_id: str = "") -> Job:
    """Return the job of telling how many people of a study, or of a `cohort` (JSON), stand in which fifth of risk."""
    asked = canonical_json({"study": study, "cohort": cohort})
    second = int(now.timestamp())
    return Job(job_id or secrets.token_hex(16), AGGREGATE, asked, created=second, not_before=second)


@dataclass(frozen=True, slots=True)
class AggregateRunner:
    """Runs jobs of the kind `AGGREGATE`."""

    aggregating: Aggregating

    def __call__(self, job: Job, report: Report) -> None:
        """Count; the job's outcome has the figures as they may be shown."""
        asked = json.loads(job.parameters)
        cohort = CohortQuery.parse(asked["cohort"]) if asked["cohort"] else None
        report("counting")
        found = self.aggregating.aggregate(asked["study"], report.clock(), cohort)
        with report.store.begin() as unit:
            report.finish(unit, _outcome(found))


def _outcome(found: Aggregate) -> dict[str, Json]:
    return {
        "study": found.study,
        "release": found.release,
        "people": list(found.people),
        "epsilon": found.epsilon,
        "left": found.left,
    }
