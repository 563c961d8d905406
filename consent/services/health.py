"""Whether a deployment may be relied on now: a few named checks over counts, ages and the presence of a file.

Nothing here opens a key, writes, or names anyone; each answer is one short word.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from consent.domain.errors import ConsentError
from consent.ports import Condition, Conditions


@dataclass(frozen=True, slots=True)
class Limits:
    """From how many seconds on a condition is no longer good.

    Attributes:
        head_age: of the ledger's reading; beyond it every access is refused (`CONSENTRY_MAX_STALENESS`).
        overdue: of the oldest outbox item, since it was due.
        waiting: of the oldest job that waits.
        anchor: of the oldest entry that the chain's anchor does not cover: twice `CONSENTRY_ANCHOR_SECONDS`.
    """

    head_age: int = 120
    overdue: int = 3600
    waiting: int = 3600
    anchor: int = 2 * 3600


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the deployment: `ok`, and a `word` that says how things are."""

    name: str
    ok: bool
    word: str


@dataclass(frozen=True, slots=True)
class Health:
    """Asks how a deployment is doing.

    Attributes:
        conditions: reads counts and ages from the records database.
        clock: the time, in UTC.
        key_file: the root key's file; looked for, never opened.
        schemas: for each database by name, whether its schema is the newest; leave out one that is not there.
        limits: what is still good.
    """

    conditions: Conditions
    clock: Callable[[], datetime]
    key_file: Path
    schemas: Mapping[str, Callable[[], bool]]
    limits: Limits = field(default_factory=Limits)

    def condition(self) -> Condition:
        """Read counts and ages; raise a `ConsentError` when the database does not answer."""
        return self.conditions.condition(self.clock())

    def checks(self) -> tuple[Check, ...]:
        """Ask everything; what depends on a database that does not answer fails as `unknown`."""
        return (*self._on_condition(), self._key(), *self._schemas())

    def _on_condition(self) -> Iterator[Check]:
        try:
            condition = self.condition()
        except ConsentError:
            yield Check("database", ok=False, word="unavailable")
            yield from (Check(name, ok=False, word="unknown") for name in ("ledger", "outbox", "jobs", "anchor"))
            return
        yield Check("database", ok=True, word="answers")
        yield ledger_check(condition, self.limits)
        yield _within("outbox", condition.outbox_overdue, self.limits.overdue, "overdue")
        yield _within("jobs", condition.oldest_waiting_job, self.limits.waiting, "waiting")
        yield _within("anchor", condition.anchor_lag, self.limits.anchor, "late")

    def _key(self) -> Check:
        readable = os.access(self.key_file, os.R_OK) and self.key_file.is_file()
        return Check("key", ok=readable, word="present" if readable else "missing")

    def _schemas(self) -> Iterator[Check]:
        for name, is_newest in self.schemas.items():
            newest = is_newest()
            yield Check(f"{name}-schema", ok=newest, word="newest" if newest else "other")


def ledger_check(condition: Condition, limits: Limits) -> Check:
    """Say whether decisions can rest on our copy of the ledger."""
    if condition.head_age is None:
        return Check("ledger", ok=False, word="unread")
    if not condition.matches:
        return Check("ledger", ok=False, word="mismatch")
    return _within("ledger", condition.head_age, limits.head_age, "stale")


def _within(name: str, seconds: int, limit: int, beyond: str) -> Check:
    return Check(name, ok=seconds <= limit, word="current" if seconds <= limit else beyond)
