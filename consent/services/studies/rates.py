"""How often somebody asked lately, counted from the log: no other counter can be reset, restored or forgotten."""

from collections.abc import Iterator
from typing import Final

from consent.domain.entry import Action, PlacedEntry
from consent.domain.hashing import canonical_json
from consent.domain.telling import said
from consent.domain.terms import Operation, SubjectId
from consent.ports import AuditLog

_AT_ONCE: Final = 1000


def asked_since(log: AuditLog, since: int, actor: str, subject: SubjectId | None = None, first: int = 0) -> int:
    """Return how many predictions `actor` asked for from the Unix second `since` on, whatever the answers.

    The log is read backwards, to its entry `first`, or until a stretch of it ends before `since`. With `subject`, only
    what was asked about them.
    """
    wanted = {"actor": actor, "action": Action.READ.value, "operation": Operation.PREDICT.value}
    if subject is not None:
        wanted["subject"] = subject
    marks = [canonical_json({name: value})[1:-1] for name, value in wanted.items()]
    count = 0
    for stretch in _backwards(log, first):
        likely = [said(entry) for entry in stretch if all(mark in entry.body for mark in marks)]
        count += sum(body is not None and _matches(body, wanted) and _second(body) >= since for body in likely)
        if _second(said(stretch[-1])) < since:
            return count
    return count


def _backwards(log: AuditLog, first: int) -> Iterator[list[PlacedEntry]]:
    """Yield the log's last entries, then those before them down to `first`, each stretch in order."""
    last = log.size()
    while last > first:
        start = max(first, last - _AT_ONCE)
        yield list(log.entries(start, last))
        last = start


def _matches(body: object, wanted: dict[str, str]) -> bool:
    return isinstance(body, dict) and all(body.get(name) == value for name, value in wanted.items())


def _second(body: object) -> int:
    """Return an entry's time; one that says none is taken for new, so that nothing is overlooked for it."""
    time = body.get("time") if isinstance(body, dict) else None
    return time if isinstance(time, int) else 2**63
