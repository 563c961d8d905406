"""Participant flow: how many people a training asked for, and why some of them are not in it, read from the log.

A training asks for everybody once, an entry each, and its last reading stands before its own entry: those entries are
the ones that count, back to where somebody was asked a second time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from analytics.disclosure import shown
from consent.domain.entry import PERMIT, Action
from consent.domain.telling import said
from consent.domain.terms import Operation
from consent.ports import AuditLog

NO_ROW: Final = "NO_ROW"
"""Admitted, but not in the cohort, or their outcome is not known."""
IN_WORDS: Final[Mapping[str, str]] = {
    PERMIT: "consent covers it: read",
    NO_ROW: "consent covers it, but the outcome is not known or they are not in the cohort",
    "NO_GRANT": "said nothing, so nothing was read",
    "CATEGORY": "withheld a kind of record that the study cannot do without",
    "PURPOSE": "allowed another purpose than this study's",
    "OPERATION": "allowed something else to be done than this",
    "STOPPED": "stopped it",
    "REVOKED": "revoked it",
    "EXPIRED": "the grant has run out",
    "BLOCKED": "asked to be erased",
}
"""What a verdict means, the most telling first; any other stands for itself."""
_AT_ONCE: Final = 1000


def participant_flow(log: AuditLog, study: str, release: int, rows: int) -> dict[str, int | None]:
    """Return about how many people a release's training admitted or refused, by verdict, as it may be shown.

    `rows` is how many it was fitted on; `NO_ROW` counts who was admitted beyond them. Empty where the log has no such
    training.
    """
    verdicts = _verdicts(log, study, release)
    if not verdicts:
        return {}
    return {verdict: shown(count) for verdict, count in sorted((verdicts | {NO_ROW: verdicts[PERMIT] - rows}).items())}


def _verdicts(log: AuditLog, study: str, release: int) -> Counter[str]:
    """Count what each person was answered in the last reading before the release's own entry."""
    found: dict[str, str] = {}
    trained = False
    for body in _backwards(log):
        if body.get("study") != study:
            continue
        if body.get("action") == Action.TRAIN:
            if trained:
                break
            facts = body.get("facts")
            trained = isinstance(facts, dict) and facts.get("release") == release
        elif trained and body.get("action") == Action.READ and body.get("operation") == Operation.TRAIN:
            subject = str(body.get("subject"))
            if subject in found:
                break
            found[subject] = str(body.get("verdict"))
    return Counter(found.values())


def _backwards(log: AuditLog) -> Iterator[Mapping[str, Any]]:
    """Yield what entries say, the newest first."""
    last = log.size()
    while last:
        first = max(0, last - _AT_ONCE)
        for entry in reversed(list(log.entries(first, last))):
            body = said(entry)
            if body is not None:
                yield body
        last = first
