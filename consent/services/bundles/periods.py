"""Which entries were written within some time: a bundle of a period names their indices."""

from bisect import bisect_left
from datetime import datetime

from consent.domain.telling import said
from consent.ports import AuditLog
from consent.services.bundles.scopes import Scope


def period(log: AuditLog, since: datetime, until: datetime) -> Scope:
    """Return the scope of what was logged from `since` up to but not including `until`.

    Entries stand in the order in which they were written. Where clocks of processes differ, so do times next to each
    other; the bundle has every entry between its two indices all the same.
    """

    def time(index: int) -> int:
        told = (said(log.some([index])[index]) or {}).get("time")
        return told if type(told) is int else 0

    first, last = (bisect_left(range(log.size()), moment.timestamp(), key=time) for moment in (since, until))
    return Scope.period(first, last)
