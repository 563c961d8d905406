"""How a deployment is, in numbers that name nobody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Condition:
    """How a deployment is doing, in counts and ages: nothing in it names or points at anyone.

    Attributes:
        head_block: number of the newest block seen on the ledger; None before the first reading.
        final_block: number of the newest final block that our copy holds; None before the first reading.
        head_age: seconds since the last reading or since the final block's own time, whichever is longer ago; None
            before the first reading.
        matches: whether our copy folds to the ledger's history hash; False before the first reading.
        outbox: how many items wait, by errand.
        outbox_overdue: seconds since the oldest waiting item was due; 0 when none is due.
        jobs: how many jobs there are, by state.
        oldest_waiting_job: seconds since the oldest waiting job could have begun; 0 when none waits.
        log_entries: entries in the log.
        unsigned_entries: of these, how many the newest checkpoint does not cover.
        anchor_lag: seconds since the time of the oldest entry that no anchor covers; 0 when all are covered.
        notices: letters that wait.
        pending_transactions: sent and not yet final, by the role of the key that sent them.
    """

    head_block: int | None
    final_block: int | None
    head_age: int | None
    matches: bool
    outbox: Mapping[str, int]
    outbox_overdue: int
    jobs: Mapping[str, int]
    oldest_waiting_job: int
    log_entries: int
    unsigned_entries: int
    pending_transactions: Mapping[str, int]
    anchor_lag: int = 0
    notices: int = 0


class Conditions(Protocol):
    """Reads how a deployment is doing."""

    def condition(self, now: datetime) -> Condition:
        """Return the condition now, from one transaction that only reads; raise a `ConsentError` when it cannot."""
