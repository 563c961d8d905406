"""A deployment for tests of health: its condition is what the test says, its files are real."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from consent.domain.errors import ConsentError
from consent.ports import Condition
from consent.services.health import Health

NOW: Final = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
GOOD: Final = Condition(
    head_block=120,
    final_block=118,
    head_age=7,
    matches=True,
    outbox={"grant": 3, "revoke": 1},
    outbox_overdue=0,
    jobs={"waiting": 2, "done": 40},
    oldest_waiting_job=30,
    log_entries=5000,
    unsigned_entries=12,
    pending_transactions={"operator": 1},
    anchor_lag=40,
    notices=3,
)


@dataclass(slots=True)
class Deployment:
    """Stands in for the reader of the records database, whose SQL has a suite of its own."""

    now: Condition | None = GOOD
    asked: int = 0

    def condition(self, now: datetime) -> Condition:
        """Return the condition that the test set; None is a database that does not answer."""
        assert now == NOW
        self.asked += 1
        if self.now is None:
            raise ConsentError("the records database cannot be read or written now")
        return self.now

    def becomes(self, **changed: object) -> None:
        """Change some of the good condition."""
        self.now = replace(GOOD, **changed)  # type: ignore[arg-type]  # fields of Condition


def health_of(
    deployment: Deployment, key_file: Path, *, records: bool = True, keys: Callable[[], bool] | None = None
) -> Health:
    """Return the health of a deployment, with the schema of its keys where `keys` is given."""
    schemas = {"records": lambda: records} | ({"keys": keys} if keys else {})
    return Health(deployment, lambda: NOW, key_file, schemas)
